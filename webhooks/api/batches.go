package api

import (
	"context"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/webhooks/batch"
)

type (
	idInput struct {
		ID string `path:"id" maxLength:"256"`
	}
	pageInput struct {
		After string `query:"after" doc:"next of the page before"`
		Limit int64  `query:"limit" minimum:"1" maximum:"100" default:"20"`
	}
	batchOutput     struct{ Body *batch.Batch }
	batchListOutput struct {
		Body struct {
			Batches []*batch.Batch `json:"batches" nullable:"false" doc:"Newest first"`
			Next    string         `json:"next,omitempty"`
		}
	}
)

// batchRoutes are those of batches, but for their submission.
func (s *API) batchRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/api/batches", ID: "list-batches", Tag: tagBatches, Role: role.App, Errors: failures,
			Summary: "List the project's batches", Do: openapi.JSON(s.listBatches)},
		{Method: "GET", Path: "/api/batches/{id}", ID: "get-batch", Tag: tagBatches, Role: role.App, Errors: failures,
			Summary: "Look at a batch", Do: openapi.JSON(s.getBatch)},
		{Method: "POST", Path: "/api/batches/{id}/cancel", ID: "cancel-batch", Tag: tagBatches, Role: role.App, Errors: failures,
			Summary: "Cancel a batch", Do: openapi.JSON(s.cancelBatch)},
		{Method: "POST", Path: "/api/batches/{id}/retry", ID: "retry-batch", Tag: tagBatches, Role: role.App, Errors: failures,
			Summary: "Run the requests that did not succeed again, as a new batch", Do: openapi.JSON(s.retryBatch)},
	}
}

func (s *API) listBatches(ctx context.Context, in *pageInput) (*batchListOutput, error) {
	var out batchListOutput
	var err error
	out.Body.Batches, out.Body.Next, err = s.batches.List(ctx, viewer(ctx), in.After, in.Limit)
	if out.Body.Batches == nil {
		out.Body.Batches = []*batch.Batch{}
	}
	return &out, err
}

func (s *API) getBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Get(ctx, viewer(ctx), in.ID)
	return &batchOutput{b}, err
}

func (s *API) cancelBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Cancel(ctx, viewer(ctx), in.ID)
	return &batchOutput{b}, err
}

func (s *API) retryBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	leave, err := s.files.enter(ctx, viewer(ctx).Key)
	if err != nil {
		return nil, err
	}
	defer leave()
	b, err := s.batches.Retry(ctx, viewer(ctx), in.ID)
	return &batchOutput{b}, err
}
