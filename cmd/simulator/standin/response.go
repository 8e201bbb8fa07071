package standin

import (
	"encoding/json"
	"slices"
	"time"
)

// response is one turn of the model that is being generated. Its goroutine is run; all
// of it but the fixed fields is guarded by the session's mu, and finish may come from anywhere.
type response struct {
	s      *session
	id     string
	params responseParams
	reads  tokenCounts
	plan   plan
	stop   chan struct{} // closed by halt
	halted bool

	status        string
	details       *statusDetails
	output        []*item
	current       *outputItem   // the item that is being generated
	open          []*outputItem // items that have not ended, the current one last
	textTokens    int
	earlierTokens int // of the items before the current one
	audioMS       int
	audioFrom     time.Time // when the first audio was sent
	usage         *usage
	deltaPrefix   []byte // of the current item's audio deltas
}

// outputItem is an item of the output while it is being generated.
type outputItem struct {
	*item
	index int
	text  []byte
}

type statusDetails struct {
	Type   string         `json:"type"`
	Reason string         `json:"reason,omitempty"`
	Error  *responseError `json:"error,omitempty"`
}

type responseError struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type responseEvent struct {
	Response responseView `json:"response"`
}

type responseView struct {
	Object           string          `json:"object"`
	ID               string          `json:"id"`
	Status           string          `json:"status"`
	StatusDetails    *statusDetails  `json:"status_details"`
	Output           []*item         `json:"output"`
	ConversationID   *string         `json:"conversation_id"`
	OutputModalities []string        `json:"output_modalities"`
	MaxOutputTokens  tokenLimit      `json:"max_output_tokens"`
	Audio            responseAudio   `json:"audio"`
	Usage            *usage          `json:"usage"`
	Metadata         json.RawMessage `json:"metadata"`
}

type responseAudio struct {
	Output struct {
		Format format  `json:"format"`
		Voice  voiceID `json:"voice"`
	} `json:"output"`
}

func (r *response) view() responseEvent {
	v := responseView{
		Object: "realtime.response", ID: r.id, Status: r.status, StatusDetails: r.details, Output: r.output,
		OutputModalities: []string{r.params.Modality}, MaxOutputTokens: r.params.MaxOutputTokens, Usage: r.usage, Metadata: r.params.Metadata,
	}
	v.Audio.Output.Format, v.Audio.Output.Voice = r.params.Format, r.params.Voice
	if !r.params.OutOfBand {
		v.ConversationID = &r.s.conv.id
	}
	return responseEvent{v}
}

// begin starts a response over items. The caller holds mu and has seen that none is active.
func (s *session) begin(params responseParams, items []*item) {
	r := &response{
		s: s, id: newID("resp_"), params: params, status: statusInProgress, output: []*item{}, stop: make(chan struct{}),
		reads: contextTokens(params.Instructions, params.Tools, items), plan: answer(params, items),
	}
	if reasons(s.config.Model) && r.plan.preamble == "" && len(r.plan.calls) == 0 && !answered(items) {
		r.plan.reasoning = reasoningTokens
	}
	s.responses[r.id] = r
	s.count++
	s.idleAt = time.Time{}
	if !params.OutOfBand {
		s.active = r
	}
	s.emit("response.created", r.view())
	if code := s.faults.FailResponse; code != "" {
		r.finish(statusFailed, &statusDetails{Type: statusFailed, Error: failure(code)})
	}
	s.srv.running.Go(r.run)
}

func failure(code string) *responseError {
	message := map[string]string{
		"rate_limit_exceeded": "Rate limit reached for the model on tokens per min (TPM). Please try again later.",
		"insufficient_quota":  "You exceeded your current quota, please check your plan and billing details.",
		"server_error":        "The server had an error while processing your request. Sorry about that!",
	}[code]
	if message == "" {
		message = "The response failed: " + code + "."
	}
	kind := "server_error"
	if code == "rate_limit_exceeded" || code == "insufficient_quota" {
		kind = code
	}
	return &responseError{kind, code, message}
}

// rateLimitsDelay is how long behind response.done the live API tells of its limits.
const rateLimitsDelay = 40 * time.Millisecond

// run generates the planned output, paced, and completes the response unless something
// else ends it first.
func (r *response) run() {
	switch {
	case r.plan.load != "":
		r.runLoad()
	default:
		r.runMessage(r.plan.preamble, phaseCommentary)
		for _, call := range r.plan.calls {
			r.runCall(call)
		}
		r.runMessage(r.plan.words, phaseFinal)
	}
	// In one step, so that nothing that a client answers comes in between, as live.
	r.step(0, func() { r.endItems(statusCompleted); r.finish(statusCompleted, nil) })
	s := r.s
	if s.wait(rateLimitsDelay, nil) {
		s.mu.Lock()
		s.emit("rate_limits.updated", struct {
			RateLimits []rateLimit `json:"rate_limits"`
		}{s.memory.limits(time.Now())})
		s.mu.Unlock()
	}
}

// step waits for d, then does f with the session locked and has what it sent written. It
// reports false, and does nothing, when the response has ended.
func (r *response) step(d time.Duration, f func()) bool {
	if !r.s.wait(d, r.stop) {
		return false
	}
	r.s.mu.Lock()
	if r.halted {
		r.s.mu.Unlock()
		return false
	}
	r.s.out.held = true
	f()
	r.s.out.held = false
	over := r.halted
	r.s.mu.Unlock()
	r.s.flush()
	return !over
}

// halt stops the goroutine. The caller holds mu.
func (r *response) halt() {
	if !r.halted {
		r.halted = true
		close(r.stop)
	}
}

// finish ends the response: the end events of the item that is being generated, then
// response.done. The caller holds mu.
func (r *response) finish(status string, details *statusDetails) {
	if r.halted {
		return
	}
	s := r.s
	r.endItems(statusIncomplete)
	r.halt()
	r.status, r.details = status, details
	if status != statusFailed {
		memory := &s.memory
		if r.params.OutOfBand {
			memory = &usageMemory{} // reads another context
		}
		r.usage = memory.account(r.reads, outputDetails{r.textTokens + r.plan.reasoning, audioTokens(r.audioMS, assistantMSPerToken), r.plan.reasoning})
	}
	delete(s.responses, r.id)
	if s.active == r {
		s.active = nil
	}
	s.emit("response.done", r.view())
	if d := s.config.Audio.Input.TurnDetection; d != nil && d.IdleTimeoutMS != nil && !r.params.OutOfBand && status == statusCompleted {
		s.awaitUser(r.playbackEnd(), *d.IdleTimeoutMS)
	}
}

// playbackEnd is when a listener who began at once has heard everything.
func (r *response) playbackEnd() time.Time {
	now := time.Now()
	if r.audioMS == 0 {
		return now
	}
	if end := r.audioFrom.Add(time.Duration(r.audioMS) * time.Millisecond); end.After(now) {
		return end
	}
	return now
}

func (s *session) awaitUser(from time.Time, ms int) {
	s.idleAt = from.Add(time.Duration(ms) * time.Millisecond)
	s.idleFromMS = s.input.totalMS
	s.arm()
}

// outputEvent is the head of most response events.
type outputEvent struct {
	ResponseID   string `json:"response_id"`
	ItemID       string `json:"item_id"`
	OutputIndex  int    `json:"output_index"`
	ContentIndex int    `json:"content_index"`
}

func (r *response) head() outputEvent {
	return outputEvent{r.id, r.current.ID, r.current.index, 0}
}

type outputItemEvent struct {
	ResponseID  string `json:"response_id"`
	OutputIndex int    `json:"output_index"`
	Item        *item  `json:"item"`
}

// startItem adds an item to the output and, in band, to the conversation. The caller holds mu.
func (r *response) startItem(it *item) {
	s := r.s
	it.Status = statusInProgress
	r.current = &outputItem{item: it, index: len(r.output)}
	r.open, r.output, r.earlierTokens = append(r.open, r.current), append(r.output, it), r.textTokens
	s.emit("response.output_item.added", outputItemEvent{r.id, r.current.index, it})
	if !r.params.OutOfBand {
		// A new id at the end cannot be refused.
		_ = s.conv.insert(it, "")
		s.tellItem("conversation.item.added", it)
	}
}

// endItems sends the end events of the items that are open. The caller holds mu.
func (r *response) endItems(status string) {
	for len(r.open) > 0 {
		r.current, r.open = r.open[0], r.open[1:]
		r.endItem(status)
	}
	r.current = nil
}

func (r *response) endItem(status string) {
	s, it := r.s, r.current.item
	it.Status = status
	switch {
	case it.Type == "function_call":
		r.endCall()
	case it.parts > 0:
		r.endPart()
	}
	if at := slices.Index(s.conv.items, it); !r.params.OutOfBand && at >= 0 {
		previous := s.conv.before(it.ID)
		if at == 1 {
			previous = "" // the live API does not name the first item of a conversation here
		}
		s.emit("conversation.item.done", itemEvent{orNull(previous), it})
	}
	s.emit("response.output_item.done", outputItemEvent{r.id, r.current.index, it})
}
