// Package conformance holds the webhooks against other projects' libraries on Node.js. Its test needs them installed:
//
//	npm ci --prefix webhooks/conformance
//	go test -tags conformance ./webhooks/conformance
package conformance
