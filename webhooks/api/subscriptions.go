package api

import (
	"context"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/webhooks/fanout"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/seal"
)

type (
	subscriptionOutput struct {
		Cache string `header:"Cache-Control"` // no-store where the secret is told
		Body  struct {
			fanout.Subscription
			Secret string `json:"secret,omitempty" doc:"Signs deliveries; shown when it is made, never again"`
		}
	}
	subscriptionsOutput struct {
		Body struct {
			Subscriptions []fanout.Subscription `json:"subscriptions" nullable:"false"`
		}
	}
	createSubscriptionInput struct {
		Body struct {
			URL         string   `json:"url" maxLength:"2048"`
			Types       []string `json:"event_types" minItems:"1" maxItems:"50" doc:"Exact types, categories like batch.* or session.*, or *"`
			Description string   `json:"description,omitempty" maxLength:"500"`
			Secret      string   `json:"secret,omitempty" doc:"whsec_…; made if absent"`
		}
	}
	updateSubscriptionInput struct {
		ID   string `path:"id" maxLength:"256"`
		Body fanout.Change
	}
	rotateSubscriptionInput struct {
		ID   string    `path:"id" maxLength:"256"`
		Body *struct { // may be left out
			Secret string `json:"secret,omitempty" doc:"whsec_…; made if absent"`
		}
	}
	testOutput      struct{ Body fanout.Tried }
	deliveriesInput struct {
		ID    string      `path:"id" maxLength:"256"`
		Type  string      `query:"type" doc:"Exact, or a category like batch."`
		State queue.State `query:"state" enum:"waiting,done,dead"`
		After string      `query:"after" doc:"next of the page before"`
		Limit int         `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}
	deliveryInput struct {
		ID       string `path:"id" maxLength:"256"`
		Delivery string `path:"delivery" maxLength:"256"`
	}
)

// subscriptionRoutes are those of the gateway's own webhooks.
func (s *API) subscriptionRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/webhooks/subscriptions", ID: "list-subscriptions", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "List subscriptions", Do: openapi.JSON(s.listSubscriptions)},
		{Method: "POST", Path: "/webhooks/subscriptions", ID: "create-subscription", Tag: tagSubscriptions, Role: role.Admin, Status: 201, Errors: failures,
			Summary: "Have events delivered to an address", Do: openapi.JSON(s.createSubscription)},
		{Method: "GET", Path: "/webhooks/subscriptions/{id}", ID: "get-subscription", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Look at a subscription", Do: openapi.JSON(s.getSubscription)},
		{Method: "PATCH", Path: "/webhooks/subscriptions/{id}", ID: "update-subscription", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Change a subscription", Do: openapi.JSON(s.updateSubscription)},
		{Method: "DELETE", Path: "/webhooks/subscriptions/{id}", ID: "delete-subscription", Tag: tagSubscriptions, Role: role.Admin, Status: 204, Errors: failures,
			Summary: "Delete a subscription and its deliveries", Do: openapi.JSON(s.deleteSubscription)},
		{Method: "POST", Path: "/webhooks/subscriptions/{id}/rotate-secret", ID: "rotate-subscription-secret", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Give a subscription a new secret", Do: openapi.JSON(s.rotateSubscription)},
		{Method: "POST", Path: "/webhooks/subscriptions/{id}/test", ID: "test-subscription", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Send a test delivery now", Do: openapi.JSON(s.testSubscription)},
		{Method: "GET", Path: "/webhooks/subscriptions/{id}/deliveries", ID: "list-deliveries", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Read the delivery log", Do: openapi.JSON(s.listDeliveries)},
		{Method: "GET", Path: "/webhooks/subscriptions/{id}/deliveries/{delivery}", ID: "get-delivery", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Look at a delivery and every attempt", Do: openapi.JSON(s.getDelivery)},
		{Method: "POST", Path: "/webhooks/subscriptions/{id}/deliveries/{delivery}/replay", ID: "replay-delivery", Tag: tagSubscriptions, Role: role.Admin, Errors: failures,
			Summary: "Deliver again", Do: openapi.JSON(s.replayDelivery)},
	}
}

// noStore keeps caches from holding an answer with a secret.
const noStore = "no-store"

// validSecret accepts none, or one that every library of Standard Webhooks takes.
func validSecret(secret string) error {
	if secret == "" {
		return nil
	}
	return seal.Secret(secret).Validate()
}

func (s *API) createSubscription(ctx context.Context, in *createSubscriptionInput) (*subscriptionOutput, error) {
	if err := validSecret(in.Body.Secret); err != nil {
		return nil, err
	}
	sub := fanout.Subscription{URL: in.Body.URL, Types: in.Body.Types, Description: in.Body.Description, CreatedBy: viewer(ctx).Key}
	out := subscriptionOutput{Cache: noStore}
	var err error
	out.Body.Subscription, out.Body.Secret, err = s.fanout.Create(ctx, sub, in.Body.Secret)
	return &out, err
}

func (s *API) listSubscriptions(ctx context.Context, _ *struct{}) (*subscriptionsOutput, error) {
	var out subscriptionsOutput
	var err error
	out.Body.Subscriptions, err = s.fanout.List(ctx)
	return &out, err
}

func (s *API) getSubscription(ctx context.Context, in *idInput) (*subscriptionOutput, error) {
	var out subscriptionOutput
	var err error
	out.Body.Subscription, err = s.fanout.Get(ctx, in.ID)
	return &out, err
}

func (s *API) updateSubscription(ctx context.Context, in *updateSubscriptionInput) (*subscriptionOutput, error) {
	var out subscriptionOutput
	var err error
	out.Body.Subscription, err = s.fanout.Update(ctx, in.ID, in.Body, viewer(ctx).Key)
	return &out, err
}

func (s *API) deleteSubscription(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.fanout.Delete(ctx, in.ID)
}

func (s *API) rotateSubscription(ctx context.Context, in *rotateSubscriptionInput) (*subscriptionOutput, error) {
	var given string
	if in.Body != nil {
		given = in.Body.Secret
	}
	if err := validSecret(given); err != nil {
		return nil, err
	}
	secret, err := s.fanout.Rotate(ctx, in.ID, given, viewer(ctx).Key)
	if err != nil {
		return nil, err
	}
	out, err := s.getSubscription(ctx, &idInput{in.ID})
	if err == nil {
		out.Body.Secret, out.Cache = secret, noStore
	}
	return out, err
}

func (s *API) testSubscription(ctx context.Context, in *idInput) (*testOutput, error) {
	tried, err := s.fanout.Test(ctx, in.ID)
	return &testOutput{tried}, err
}

func (s *API) listDeliveries(ctx context.Context, in *deliveriesInput) (*eventsOutput, error) {
	if _, err := s.fanout.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	return listQueue(ctx, s.fanout.Deliveries(in.ID), queue.Filter{Topic: in.Type, State: in.State, After: in.After, Limit: in.Limit})
}

func (s *API) getDelivery(ctx context.Context, in *deliveryInput) (*eventOutput, error) {
	if _, err := s.fanout.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	return getItem(ctx, s.fanout.Deliveries(in.ID), in.Delivery)
}

func (s *API) replayDelivery(ctx context.Context, in *deliveryInput) (*replayOutput, error) {
	if _, err := s.fanout.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	return replayItem(ctx, s.fanout.Deliveries(in.ID), in.Delivery)
}
