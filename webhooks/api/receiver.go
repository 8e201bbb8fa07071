package api

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
)

// receiverRoutes are where OpenAI delivers; all paths are the same.
func (s *API) receiverRoutes() []openapi.Route {
	route := openapi.Route{Method: "POST", Path: "/webhooks/openai", ID: "receive-webhook", Tag: tagJobs, Errors: []int{401, 503},
		Summary: "OpenAI delivers here",
		Text:    "Verified by its signature; no API key. 200 once kept.",
		Do: openapi.Upload(openapi.Shape{
			Params: []*huma.Param{
				signed("webhook-id", "Of the delivery; the same when it is tried again"),
				signed("webhook-timestamp", "Unix seconds, within five minutes of now"),
				signed("webhook-signature", "v1, and a signature; more of them behind blanks"),
			},
			Needed: true,
			Bodies: map[string]openapi.Model{"application/json": openapi.Is(object(nil, map[string]*huma.Schema{
				"id": text("Of the event"), "object": text("event"), "type": text("As batch.completed"),
				"created_at": {Type: huma.TypeInteger, Description: "Unix seconds"},
				"data":       {Type: huma.TypeObject, AdditionalProperties: true, Description: "Names the object that the event is about"},
			}))},
			Answers: map[int]openapi.Answer{200: {Text: "Kept, now or before", Type: "application/json",
				Body: openapi.Is(object([]string{"received"}, map[string]*huma.Schema{
					"received": {Type: huma.TypeBoolean}, "duplicate": {Type: huma.TypeBoolean, Description: "Its webhook-id came before"},
				}))}},
		}, gin.WrapH(s.receiver))}
	all := []openapi.Route{route}
	for _, of := range []string{"batch", "fine-tuning"} {
		more := route
		more.Path, more.ID = route.Path+"/"+of, route.ID+"-"+of
		more.Text += " The same receiver as /webhooks/openai."
		all = append(all, more)
	}
	return all
}

func object(required []string, fields map[string]*huma.Schema) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Required: required, Properties: fields}
}

func text(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: says} }

// signed is a header of Standard Webhooks.
func signed(name, says string) *huma.Param {
	p := openapi.Param("header", name, says, huma.TypeString)
	p.Required = true
	return p
}
