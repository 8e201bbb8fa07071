package standin

import "time"

// callChunk is how many characters of a call's arguments go into one delta.
const callChunk = 12

type callEvent struct {
	ResponseID  string `json:"response_id"`
	ItemID      string `json:"item_id"`
	OutputIndex int    `json:"output_index"`
	CallID      string `json:"call_id"`
}

func (r *response) callHead() callEvent {
	return callEvent{r.id, r.current.ID, r.current.index, r.current.CallID}
}

func (r *response) runCall(call plannedCall) {
	if !r.step(0, func() {
		if r.current != nil && (r.current.Type == "function_call" || r.current.generated) {
			r.endItems(statusCompleted)
		}
		r.startItem(&item{ID: newID("item_"), Type: "function_call", Name: call.name, CallID: newID("call_")[:21]})
	}) {
		return
	}
	for rest := []rune(call.arguments); len(rest) > 0; {
		n := min(callChunk, len(rest))
		piece := string(rest[:n])
		rest = rest[n:]
		if !r.step(2*time.Millisecond, func() { r.sayArguments(piece); r.overBudget() }) {
			return
		}
	}
}

func (r *response) sayArguments(piece string) {
	r.current.text = append(r.current.text, piece...)
	r.textTokens += textTokens(piece)
	r.s.emit("response.function_call_arguments.delta", struct {
		callEvent
		Delta       string `json:"delta"`
		Obfuscation string `json:"obfuscation"`
	}{r.callHead(), piece, obfuscation(piece)})
}

func (r *response) endCall() {
	r.current.Arguments = string(r.current.text)
	r.s.emit("response.function_call_arguments.done", struct {
		callEvent
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	}{r.callHead(), r.current.Name, r.current.Arguments})
}
