package queue

import "encoding/json"

// FromGateway is the origin of work that the gateway gives itself.
const FromGateway = "gateway"

// NewTask makes an item of an event that the gateway sends itself. Data must be something that encodes to JSON.
func NewTask(topic, id string, data any) Item {
	body, err := json.Marshal(map[string]any{"type": topic, "data": data})
	if err != nil {
		panic("queue: task data does not encode: " + err.Error())
	}
	return Item{ID: id, Topic: topic, Origin: FromGateway, Body: body}
}
