package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// Routes lists what the gateway serves.
func Routes(g *Gateway) gin.RoutesInfo { return g.engine.Routes() }

// Collector is what /metrics collects from.
func Collector(h Hub) prometheus.Collector { return newStats(h) }

// CloseNodes gives the idle connections to other nodes back.
func CloseNodes(g *Gateway) { g.nodes.(*http.Transport).CloseIdleConnections() }
