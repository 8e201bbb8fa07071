package gateway

import "context"

// Self is the API key that asks.
type Self struct {
	KeyView
	// Version is of the gateway, so that whoever reports a fault can name it.
	Version string `json:"version,omitempty" doc:"Of this gateway"`
}

type selfOutput struct{ Body Self }

// self tells a key who it is: a page checks a key with it before anything is asked of anybody.
func (g *Gateway) self(ctx context.Context, _ *struct{}) (*selfOutput, error) {
	e, err := g.findKey(ctx, "self")
	if err != nil {
		return nil, err
	}
	return &selfOutput{Self{KeyView: g.keyView(e), Version: g.options.Version}}, nil
}
