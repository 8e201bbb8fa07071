package queue

import "encoding/json"

// Where an item comes from.
const (
	FromOpenAI  = "openai"  // a verified delivery
	FromGateway = "gateway" // a session's life, or work that the gateway gives itself
)

// NewTask makes an item of an event that the gateway sends itself. Data must be something that encodes to JSON.
func NewTask(topic, id string, data any) Item {
	body, err := json.Marshal(map[string]any{"type": topic, "data": data})
	if err != nil {
		panic("queue: task data does not encode: " + err.Error())
	}
	return Item{ID: id, Topic: topic, Origin: FromGateway, Body: body}
}
