package gateway

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/session"
)

type itemsInput struct {
	ID     session.ID `path:"id" doc:"The session's ID"`
	Newest int        `query:"newest" minimum:"1" maximum:"10000" doc:"Only so many, those at the end of the conversation; left out: all"`
}

type itemsOutput struct {
	Body struct {
		Items       []session.Item `json:"items" nullable:"false" doc:"In the order of the conversation"`
		LastEventID string         `json:"last_event_id,omitempty" doc:"ID of the newest event of the log that the items of a live session include: later ones change them"`
	}
}

// conversationRoutes are those with which a session is read, followed and attached to.
func (g *Gateway) conversationRoutes() []openapi.Route {
	id := openapi.Param("path", "id", "The session's ID", huma.TypeString)
	return []openapi.Route{
		{Method: "GET", Path: sessions + "/{id}/items", ID: "list-items", Tag: tagConversation, Role: role.App, Errors: []int{404},
			Summary: "Read the conversation",
			Text:    "Messages with their transcripts, function calls and their outputs. Of an interrupted answer, the text that was heard.",
			Before:  g.owned, Do: openapi.JSON(g.items)},
		{Method: "GET", Path: sessions + "/{id}/events", ID: "follow-events", Tag: tagConversation, Role: role.App, Errors: []int{404, 422},
			Summary: "Follow a session (server-sent events)",
			Text: "Every event but audio, with its type as the event's name. With Last-Event-ID first what was missed since then, " +
				"without gap or double; 0 is the beginning. Without it, what happens from now on. A client whose last event is not kept, " +
				"or never was, first gets an event named resync: it should read the session anew. A comment comes every 15 s. " +
				"Of an ended session: what is kept, then 204.",
			Before: g.owned, Do: openapi.Plain(openapi.Shape{
				Params: []*huma.Param{id, openapi.Param("header", "Last-Event-ID", "ID of the last event seen", huma.TypeString),
					openapi.Param("query", "last_event_id", "The same, for clients that cannot set the header", huma.TypeString),
					openapi.Param("query", "viewer", "true: a page shows the session to a person, who is named to others that view it", huma.TypeBoolean)},
				Answers: map[int]openapi.Answer{
					200: {Text: "text/event-stream", Type: "text/event-stream", Body: openapi.Text("")},
					204: {Text: "The session has ended and there is nothing more"},
				},
				Events: sessionEvents(),
			}, g.events)},
		{Method: "GET", Path: sessions + "/{id}/transcript", ID: "get-transcript", Tag: tagConversation, Role: role.App, Errors: []int{404, 422},
			Summary: "Read what was said",
			Text: "The conversation with the time and latency of each turn. format=text and format=vtt (WebVTT) are files for people: " +
				"what users and the model said, without calls, system messages and private messages.",
			Before: g.owned, Do: openapi.Plain(openapi.Shape{
				Params:  []*huma.Param{id, openapi.Param("query", "format", "json (default), text or vtt", huma.TypeString)},
				Answers: map[int]openapi.Answer{200: {Text: "The transcript; text/plain or text/vtt on request", Type: "application/json", Body: openapi.Of[Transcript]()}},
			}, g.transcript)},
		{Method: "GET", Path: sessions + "/{id}/timeline", ID: "get-timeline", Tag: tagConversation, Role: role.App, Errors: []int{404},
			Summary: "See what happened when",
			Text: "Speech, responses with their latency and tokens, function calls, renewals, resumes, hand-overs, clients that came and left, " +
				"commands of operators and errors, out of the session's log. Also of a session that has ended.",
			Before: g.owned, Do: openapi.JSON(g.timeline)},
		{Method: "GET", Path: sessions + "/{id}/notes", ID: "list-notes", Tag: tagConversation, Role: role.App, Errors: []int{404},
			Summary: "Read the notes of a session",
			Text:    "What people wrote about it. Clients never see them. They are stored as long as the session.",
			Before:  g.owned, Do: openapi.JSON(g.notes)},
		{Method: "POST", Path: sessions + "/{id}/notes", ID: "add-note", Tag: tagConversation, Role: role.App, Status: 201, Errors: []int{404, 422, 429},
			Summary: "Write a note about a session",
			Text:    "Also about one that has ended. At most 200 notes of 4,000 bytes.",
			Example: map[string]any{"text": "Customer asked for a call back."},
			Before:  g.owned, Do: openapi.JSON(g.addNote)},
		{Method: "GET", Path: sessions + "/{id}/relay", ID: "attach", Tag: tagConversation, Role: role.App,
			Errors:  []int{400, 401, 403, 404, 410, 426, 503},
			Summary: "Attach a client (WebSocket)",
			Text: "The wire is the Realtime protocol itself. With a client token or an API key, as Bearer or as the subprotocol " +
				"openai-insecure-api-key.<token> beside realtime. Close codes 1012 and 1013 mean: attach again, with last_event_id.",
			Do: openapi.Socket(openapi.Shape{
				Params: []*huma.Param{id, openapi.Param("query", "last_event_id", "event_id of the last event seen, to get what was missed", huma.TypeString)},
				Answers: map[int]openapi.Answer{
					101: {Text: "Attached"}, 410: {Text: "The session has ended"}, 426: {Text: "No WebSocket handshake"},
				},
			}, g.upgradable, g.sameOrigin, g.relay)},
	}
}

func (g *Gateway) items(ctx context.Context, in *itemsInput) (*itemsOutput, error) {
	out := &itemsOutput{}
	if ctl, ok := g.options.Hub.Controller(in.ID); ok {
		out.Body.LastEventID = ctl.LastEvent() // before the items: they may know more, never less
	}
	_, items, err := g.conversation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Newest > 0 && len(items) > in.Newest {
		items = items[len(items)-in.Newest:]
	}
	out.Body.Items = append([]session.Item{}, items...)
	return out, nil
}
