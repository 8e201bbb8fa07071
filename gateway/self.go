package gateway

import "context"

// Self is the API key that asks.
type Self struct {
	Name string `json:"name" doc:"Its name, as lists and logs show it"`
	Role Role   `json:"role" enum:"app,operator,admin" doc:"What it may do"`
	// Version is of the gateway, so that whoever reports a fault can name it.
	Version string `json:"version,omitempty" doc:"Of this gateway"`
}

type selfOutput struct{ Body Self }

// self tells a key who it is: a page checks a key with it before anything is asked of anybody.
func (g *Gateway) self(ctx context.Context, _ *struct{}) (*selfOutput, error) {
	key := callerOf(ctx).Key
	return &selfOutput{Self{Name: key.Name, Role: key.Role, Version: g.Version}}, nil
}
