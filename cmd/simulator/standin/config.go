package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

const (
	kindRealtime      = "realtime"
	kindTranscription = "transcription"
)

const defaultInstructions = "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI. " +
	"Act like a human, but remember that you aren't a human and that you can't do human things in the real world. " +
	"Talk quickly. You should always call a function if you can."

// config is the API session: what session.created and session.updated carry, and what
// decoding a validated session.update into it changes. Members that an update replaces
// as a whole have an UnmarshalJSON that starts from nothing.
type config struct {
	Type             string            `json:"type"`
	Object           string            `json:"object"`
	ID               string            `json:"id"`
	Model            string            `json:"model"`
	OutputModalities []string          `json:"output_modalities"`
	Instructions     string            `json:"instructions"`
	Tools            []json.RawMessage `json:"tools"`
	ToolChoice       json.RawMessage   `json:"tool_choice"`
	MaxOutputTokens  tokenLimit        `json:"max_output_tokens"`
	Tracing          json.RawMessage   `json:"tracing"`
	Truncation       json.RawMessage   `json:"truncation"`
	Prompt           json.RawMessage   `json:"prompt"`
	ExpiresAt        int64             `json:"expires_at"`
	Audio            audioConfig       `json:"audio"`
	Include          []string          `json:"include"`
	Parallel         *bool             `json:"parallel_tool_calls,omitempty"`
	Reasoning        json.RawMessage   `json:"reasoning,omitempty"`
}

type audioConfig struct {
	Input  inputConfig  `json:"input"`
	Output outputConfig `json:"output"`
}

type inputConfig struct {
	Format         format          `json:"format"`
	Transcription  *transcription  `json:"transcription"`
	NoiseReduction *noiseReduction `json:"noise_reduction"`
	TurnDetection  *turnDetection  `json:"turn_detection"`
}

// noiseReduction keeps what an update leaves out; its strength is 1 until one is given.
type noiseReduction struct {
	Type     string  `json:"type"`
	Strength float64 `json:"strength"`
}

func (n *noiseReduction) UnmarshalJSON(b []byte) error {
	type plain noiseReduction
	next := plain(*n)
	if next.Type == "" {
		next.Strength = 1
	}
	err := json.Unmarshal(b, &next)
	*n = noiseReduction(next)
	return err
}

type outputConfig struct {
	Format format  `json:"format"`
	Voice  voiceID `json:"voice"`
	Speed  float64 `json:"speed"`
}

// voiceID is a built-in voice's name or a custom voice's id; both are told as a string.
type voiceID string

func (v *voiceID) UnmarshalJSON(b []byte) error {
	var custom struct{ ID string }
	if json.Unmarshal(b, &custom) == nil {
		*v = voiceID(custom.ID)
		return nil
	}
	return json.Unmarshal(b, (*string)(v))
}

// tokenLimit is a number of tokens; 0 is "inf".
type tokenLimit int

func (l tokenLimit) MarshalJSON() ([]byte, error) {
	if l == 0 {
		return []byte(`"inf"`), nil
	}
	return json.Marshal(int(l))
}

func (l *tokenLimit) UnmarshalJSON(b []byte) error {
	if string(b) == `"inf"` {
		*l = 0
		return nil
	}
	return json.Unmarshal(b, (*int)(l))
}

type transcription struct {
	Model     string   `json:"model"`
	Language  *string  `json:"language"`
	Languages []string `json:"languages,omitempty"`
	Keywords  []string `json:"keywords,omitempty"`
	Prompt    *string  `json:"prompt"`
	Delay     string   `json:"delay,omitempty"`
}

func (t *transcription) UnmarshalJSON(b []byte) error {
	type plain transcription
	var fresh plain
	err := json.Unmarshal(b, &fresh)
	*t = transcription(fresh)
	return err
}

type turnDetection struct {
	Type              string  `json:"type"`
	Threshold         float64 `json:"threshold"`
	PrefixPaddingMS   int     `json:"prefix_padding_ms"`
	SilenceDurationMS int     `json:"silence_duration_ms"`
	IdleTimeoutMS     *int    `json:"idle_timeout_ms"`
	CreateResponse    bool    `json:"create_response"`
	InterruptResponse bool    `json:"interrupt_response"`
	Eagerness         string  `json:"eagerness,omitempty"`
}

// defaultTurnDetection has the silence of a live session.created; the documents say 500 ms.
func defaultTurnDetection() turnDetection {
	return turnDetection{Type: "server_vad", Threshold: 0.5, PrefixPaddingMS: 300, SilenceDurationMS: 200, CreateResponse: true, InterruptResponse: true}
}

func (t *turnDetection) UnmarshalJSON(b []byte) error {
	type plain turnDetection
	fresh := plain(defaultTurnDetection())
	if err := json.Unmarshal(b, &fresh); err != nil {
		return err
	}
	*t = turnDetection(fresh)
	if t.Type == "semantic_vad" {
		if t.Eagerness == "" {
			t.Eagerness = "auto"
		}
		t.SilenceDurationMS = map[string]int{"low": 900, "medium": 500, "auto": 500, "high": 250}[t.Eagerness]
	}
	return nil
}

func (t turnDetection) MarshalJSON() ([]byte, error) {
	if t.Type == "semantic_vad" {
		return json.Marshal(struct {
			Type              string `json:"type"`
			Eagerness         string `json:"eagerness"`
			CreateResponse    bool   `json:"create_response"`
			InterruptResponse bool   `json:"interrupt_response"`
		}{t.Type, t.Eagerness, t.CreateResponse, t.InterruptResponse})
	}
	type plain turnDetection
	return json.Marshal(plain(t))
}

func defaultConfig(kind, model string) config {
	detection := defaultTurnDetection()
	c := config{
		Type: kind, Object: "realtime.session", ID: newID("sess_"), Model: model, OutputModalities: []string{"audio"},
		Instructions: defaultInstructions, Tools: []json.RawMessage{}, ToolChoice: json.RawMessage(`"auto"`), Truncation: json.RawMessage(`"auto"`),
	}
	c.Audio.Input.Format, c.Audio.Output.Format = formatPCM, formatPCM
	c.Audio.Input.TurnDetection = &detection
	c.Audio.Output.Voice, c.Audio.Output.Speed = "alloy", 1
	if kind == kindTranscription {
		c.Object = "realtime.transcription_session"
	}
	return c
}

// view is the session as events tell it; a transcription session shows only its input.
func (c *config) view() any {
	if c.Type == kindRealtime {
		return c
	}
	v := transcriptionView{Type: c.Type, Object: c.Object, ID: c.ID, ExpiresAt: c.ExpiresAt, Include: c.Include}
	v.Audio.Input.Format = c.Audio.Input.Format
	v.Audio.Input.Transcription = c.Audio.Input.Transcription
	v.Audio.Input.NoiseReduction = c.Audio.Input.NoiseReduction
	switch t := c.Audio.Input.TurnDetection; {
	case t == nil:
	case t.Type == "semantic_vad":
		v.Audio.Input.TurnDetection = t
	default:
		v.Audio.Input.TurnDetection = plainDetection{t.Type, t.Threshold, t.PrefixPaddingMS, t.SilenceDurationMS}
	}
	return v
}

type transcriptionView struct {
	Type      string `json:"type"`
	Object    string `json:"object"`
	ID        string `json:"id"`
	ExpiresAt int64  `json:"expires_at"`
	Audio     struct {
		Input struct {
			Format         format          `json:"format"`
			Transcription  *transcription  `json:"transcription"`
			NoiseReduction *noiseReduction `json:"noise_reduction"`
			TurnDetection  any             `json:"turn_detection"`
		} `json:"input"`
	} `json:"audio"`
	Include []string `json:"include"`
}

type plainDetection struct {
	Type              string  `json:"type"`
	Threshold         float64 `json:"threshold"`
	PrefixPaddingMS   int     `json:"prefix_padding_ms"`
	SilenceDurationMS int     `json:"silence_duration_ms"`
}

// updated returns c with the members that patch has. The patch has passed its rule.
func (c *config) updated(patch json.RawMessage) (config, error) {
	next := c.clone()
	if err := json.Unmarshal(patch, &next); err != nil {
		return config{}, fmt.Errorf("apply session.update: %w", err)
	}
	next.Object, next.ID, next.ExpiresAt = c.Object, c.ID, c.ExpiresAt
	if next.Tools == nil {
		next.Tools = []json.RawMessage{}
	}
	for i := range next.Tools {
		next.Tools[i] = described(next.Tools[i])
	}
	return next, nil
}

// described is a tool as the session shows it: a function without a description has null.
func described(raw json.RawMessage) json.RawMessage {
	if v := gjson.ParseBytes(raw); v.Get("type").Str == "function" && !v.Get("description").Exists() {
		return append([]byte(`{"description":null,`), bytes.TrimLeft(raw, "{ \t\r\n")...)
	}
	return raw
}

// clone shares nothing with c that decoding into it would overwrite.
func (c *config) clone() config {
	next := *c
	in := &next.Audio.Input
	next.OutputModalities, next.Include, next.Tools = slices.Clone(c.OutputModalities), slices.Clone(c.Include), slices.Clone(c.Tools)
	for i := range next.Tools {
		next.Tools[i] = slices.Clone(next.Tools[i])
	}
	for _, raw := range []*json.RawMessage{&next.ToolChoice, &next.Tracing, &next.Truncation, &next.Prompt, &next.Reasoning} {
		*raw = slices.Clone(*raw)
	}
	next.Parallel, in.Transcription, in.TurnDetection, in.NoiseReduction = copyOf(c.Parallel), copyOf(in.Transcription), copyOf(in.TurnDetection), copyOf(in.NoiseReduction)
	return next
}

func copyOf[T any](from *T) *T {
	if from == nil {
		return nil
	}
	to := *from
	return &to
}

// checkUpdate holds the rules that depend on the session's state, not only on the patch.
func (c *config) checkUpdate(patch map[string]any, spoken bool) *apiError {
	if kind := patch["type"]; kind != c.Type {
		return invalid("invalid_parameter", "session.type", "Passing a %v session update event to a %s session is not allowed.", kind, c.Type)
	}
	if model, ok := patch["model"].(string); ok && model != c.Model {
		return invalid("invalid_value", "session.model", "Cannot update a conversation's model.")
	}
	if tracing, ok := patch["tracing"]; ok && c.fixedTracing(tracing) {
		return invalid("cannot_update_tracing", "session.tracing", "Cannot update tracing once it has been set for a session.")
	}
	if voice := member(patch, "audio", "output", "voice"); voice != nil && spoken && voiceOf(voice) != c.Audio.Output.Voice {
		return errVoiceFixed()
	}
	return nil
}

// voiceOf is the voice of a decoded member that has passed voiceRule.
func voiceOf(v any) voiceID {
	if id, ok := member(v, "id").(string); ok {
		return voiceID(id)
	}
	name, _ := v.(string)
	return voiceID(name)
}

func errVoiceFixed() *apiError {
	return invalid("cannot_update_voice", "", "Cannot update a conversation's voice if assistant audio is present.")
}

// fixedTracing reports whether tracing is set to something other than v.
func (c *config) fixedTracing(v any) bool {
	unset := len(c.Tracing) == 0 || string(c.Tracing) == "null"
	return !unset && !sameJSON(v, c.Tracing)
}

// member walks nested objects; nil when there is nothing at the end.
func member(v any, path ...string) any {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func sameJSON(v any, raw json.RawMessage) bool {
	var was any
	if json.Unmarshal(raw, &was) != nil {
		return false
	}
	a, errA := json.Marshal(v)
	b, errB := json.Marshal(was)
	return errA == nil && errB == nil && string(a) == string(b)
}

// tool is a function the model may call.
type tool struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Label       string         `json:"server_label"`
	Description string         `json:"description"`
	Parameters  map[string]any `json:"parameters"`
}

func functionsOf(tools []json.RawMessage) []tool {
	var functions []tool
	for _, raw := range tools {
		var t tool
		if json.Unmarshal(raw, &t) == nil && t.Type == "function" {
			functions = append(functions, t)
		}
	}
	return functions
}

// words that make a session or a response a load stream; see docs/simulator.md.
const (
	streamWord = "simulator:stream"
	floodWord  = "simulator:flood"
)

func isLoad(instructions string) bool {
	return strings.Contains(instructions, streamWord) || strings.Contains(instructions, floodWord)
}
