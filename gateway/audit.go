package gateway

import "context"

// RecordAudit writes what callers change to the audit log, until ctx is done and nothing is left.
func (g *Gateway) RecordAudit(ctx context.Context) {
	if g.recorder != nil {
		g.recorder.Run(ctx)
	}
}
