package api

import (
	"context"
	"errors"
	"time"

	"github.com/openai/openai-go/v3"
	sdk "github.com/openai/openai-go/v3/webhooks"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
)

// Endpoint is one of OpenAI's webhook endpoints. Its secret never leaves the receivers.
type Endpoint struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	URL        string    `json:"url"`
	Types      []string  `json:"event_types" nullable:"false"`
	SecretHint string    `json:"signing_secret_hint"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Accepted   bool      `json:"accepted" doc:"This gateway got the secret from OpenAI and accepts it on every node; of other endpoints it may be configured"`
}

type (
	endpointOutput  struct{ Body Endpoint }
	endpointsOutput struct {
		Body struct {
			Endpoints []Endpoint `json:"endpoints" nullable:"false"`
		}
	}
	createEndpointInput struct {
		Body struct {
			Name  string   `json:"name" minLength:"1" maxLength:"200"`
			URL   string   `json:"url" format:"uri" doc:"This gateway's public address and /webhooks/openai"`
			Types []string `json:"event_types" minItems:"1"`
		}
	}
	updateEndpointInput struct {
		ID   string `path:"id" maxLength:"256"`
		Body struct {
			Name  string   `json:"name,omitempty" maxLength:"200"`
			URL   string   `json:"url,omitempty"`
			Types []string `json:"event_types,omitempty"`
		}
	}
	rotateEndpointInput struct {
		ID   string    `path:"id" maxLength:"256"`
		Body *struct { // may be left out
			KeepOld *bool `json:"keep_old_secret_active_for_24_hours,omitempty" default:"true"`
		}
	}
	testEndpointInput struct {
		ID   string `path:"id" maxLength:"256"`
		Body struct {
			Type string `json:"event_type"`
		}
	}
	testEndpointOutput struct {
		Body struct {
			StatusCode int64 `json:"status_code" doc:"What the endpoint answered"`
			Success    bool  `json:"success"`
		}
	}
	eventTypesOutput struct {
		Body struct {
			Types []string `json:"event_types" nullable:"false"`
		}
	}
)

// endpointRoutes are those of OpenAI's own webhook endpoints.
func (s *API) endpointRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/webhooks/endpoints", ID: "list-endpoints", Tag: tagEndpoints, Role: role.Admin, Errors: failures,
			Summary: "List OpenAI's webhook endpoints", Do: openapi.JSON(s.listEndpoints)},
		{Method: "POST", Path: "/webhooks/endpoints", ID: "create-endpoint", Tag: tagEndpoints, Role: role.Admin, Status: 201, Errors: failures,
			Summary: "Have OpenAI deliver here", Do: openapi.JSON(s.createEndpoint)},
		{Method: "GET", Path: "/webhooks/endpoints/{id}", ID: "get-endpoint", Tag: tagEndpoints, Role: role.Admin, Errors: failures,
			Summary: "Look at an endpoint", Do: openapi.JSON(s.getEndpoint)},
		{Method: "PATCH", Path: "/webhooks/endpoints/{id}", ID: "update-endpoint", Tag: tagEndpoints, Role: role.Admin, Errors: failures,
			Summary: "Change an endpoint", Do: openapi.JSON(s.updateEndpoint)},
		{Method: "DELETE", Path: "/webhooks/endpoints/{id}", ID: "delete-endpoint", Tag: tagEndpoints, Role: role.Admin, Status: 204, Errors: failures,
			Summary: "Delete an endpoint", Do: openapi.JSON(s.deleteEndpoint)},
		{Method: "POST", Path: "/webhooks/endpoints/{id}/rotate-secret", ID: "rotate-endpoint-secret", Tag: tagEndpoints, Role: role.Admin, Errors: failures,
			Summary: "Give an endpoint a new secret", Do: openapi.JSON(s.rotateEndpoint)},
		{Method: "POST", Path: "/webhooks/endpoints/{id}/test", ID: "test-endpoint", Tag: tagEndpoints, Role: role.Admin, Errors: failures,
			Summary: "Have OpenAI send a sample", Do: openapi.JSON(s.testEndpoint)},
		{Method: "GET", Path: "/webhooks/event-types", ID: "list-event-types", Tag: tagEndpoints, Role: role.Admin, Errors: failures,
			Summary: "List what OpenAI can deliver", Do: openapi.JSON(s.eventTypes)},
	}
}

func (s *API) listEndpoints(ctx context.Context, _ *struct{}) (*endpointsOutput, error) {
	var out endpointsOutput
	out.Body.Endpoints = []Endpoint{}
	accepted, err := s.secrets.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	pages := s.openai.Webhooks.ListAutoPaging(ctx, sdk.WebhookListParams{Limit: openai.Int(100)})
	for pages.Next() {
		e := viewEndpoint(pages.Current())
		e.Accepted = accepted[e.ID]
		out.Body.Endpoints = append(out.Body.Endpoints, e)
	}
	return &out, pages.Err()
}

func viewEndpoint(e sdk.WebhookEndpoint) Endpoint {
	return Endpoint{
		ID: e.ID, Name: e.Name, URL: e.URL, Types: e.EventTypes, SecretHint: e.SigningSecretHint,
		CreatedAt: time.Unix(e.CreatedAt, 0).UTC(), UpdatedAt: time.Unix(max(e.CreatedAt, e.UpdatedAt), 0).UTC(),
	}
}

func (s *API) viewAccepted(ctx context.Context, e sdk.WebhookEndpoint) (*endpointOutput, error) {
	accepted, err := s.secrets.Endpoints(ctx)
	view := viewEndpoint(e)
	view.Accepted = accepted[e.ID]
	return &endpointOutput{view}, err
}

func (s *API) getEndpoint(ctx context.Context, in *idInput) (*endpointOutput, error) {
	e, err := s.openai.Webhooks.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.viewAccepted(ctx, *e)
}

// createEndpoint hands the new secret to the receivers of all nodes. If that fails the endpoint is deleted again, since
// its secret could not be had a second time.
func (s *API) createEndpoint(ctx context.Context, in *createEndpointInput) (*endpointOutput, error) {
	e, err := s.openai.Webhooks.New(ctx, sdk.WebhookNewParams{Name: in.Body.Name, URL: in.Body.URL, EventTypes: in.Body.Types})
	if err != nil {
		return nil, err
	}
	if err := s.secrets.Put(ctx, e.ID, e.SigningSecret, false); err != nil {
		if _, derr := s.openai.Webhooks.Delete(context.WithoutCancel(ctx), e.ID); derr != nil {
			s.log.Error("an endpoint whose secret was lost stays at OpenAI; delete or rotate it", "endpoint", e.ID, "err", derr)
		}
		return nil, err
	}
	return s.viewAccepted(ctx, withoutSecret(e))
}

func withoutSecret(e *sdk.WebhookEndpointWithSecret) sdk.WebhookEndpoint {
	return sdk.WebhookEndpoint{
		ID: e.ID, Name: e.Name, URL: e.URL, EventTypes: e.EventTypes, SigningSecretHint: e.SigningSecretHint,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}

func (s *API) updateEndpoint(ctx context.Context, in *updateEndpointInput) (*endpointOutput, error) {
	p := sdk.WebhookUpdateParams{EventTypes: in.Body.Types}
	if in.Body.Name != "" {
		p.Name = openai.String(in.Body.Name)
	}
	if in.Body.URL != "" {
		p.URL = openai.String(in.Body.URL)
	}
	e, err := s.openai.Webhooks.Update(ctx, in.ID, p)
	if err != nil {
		return nil, err
	}
	return s.viewAccepted(ctx, *e)
}

// deleteEndpoint forgets the secret of an endpoint that OpenAI no longer knows as well.
func (s *API) deleteEndpoint(ctx context.Context, in *idInput) (*struct{}, error) {
	_, err := s.openai.Webhooks.Delete(ctx, in.ID)
	refused, ok := errors.AsType[*openai.Error](err)
	if gone := ok && refused.StatusCode == 404; err != nil && !gone {
		return nil, err
	}
	return nil, errors.Join(err, s.secrets.Remove(ctx, in.ID))
}

// rotateEndpoint has OpenAI make a new secret; unless told otherwise both are accepted for a day.
func (s *API) rotateEndpoint(ctx context.Context, in *rotateEndpointInput) (*endpointOutput, error) {
	keep := in.Body == nil || in.Body.KeepOld == nil || *in.Body.KeepOld
	e, err := s.openai.Webhooks.RotateSecret(ctx, in.ID, sdk.WebhookRotateSecretParams{KeepOldSecretActiveFor24Hours: openai.Bool(keep)})
	if err != nil {
		return nil, err
	}
	if err := s.secrets.Put(ctx, e.ID, e.SigningSecret, keep); err != nil {
		s.log.Error("an endpoint's new secret was not kept; rotate it again", "endpoint", e.ID, "err", err)
		return nil, problem.Of(503, "OpenAI made a new secret but it was not kept; rotate again")
	}
	return s.viewAccepted(ctx, withoutSecret(e))
}

func (s *API) testEndpoint(ctx context.Context, in *testEndpointInput) (*testEndpointOutput, error) {
	r, err := s.openai.Webhooks.Test(ctx, in.ID, sdk.WebhookTestParams{EventType: sdk.WebhookTestParamsEventType(in.Body.Type)})
	if err != nil {
		return nil, err
	}
	var out testEndpointOutput
	out.Body.StatusCode, out.Body.Success = r.StatusCode, r.StatusCode >= 200 && r.StatusCode < 300
	return &out, nil
}

func (s *API) eventTypes(ctx context.Context, _ *struct{}) (*eventTypesOutput, error) {
	list, err := s.openai.Webhooks.EventTypes.List(ctx)
	if err != nil {
		return nil, err
	}
	var out eventTypesOutput
	out.Body.Types = list.Data
	return &out, nil
}
