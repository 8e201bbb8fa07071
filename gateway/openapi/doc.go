// Package openapi makes of one row per route all that is known of the route: how the engine serves it, who may call it,
// its operation in the OpenAPI document, and its part of the page at /docs.
//
// Write a [Table] of [Route] rows, whose handlers are made with [JSON], [Plain], [Upload] or [Socket], and [Mount] it.
// It is a leaf, because the gateway and the webhooks have routes.
package openapi
