// Package conformance holds the webhooks against other projects' libraries, two of them on Node.js: what they sign is
// accepted, what is sent to subscribers they accept. make test installs them; by hand it is
//
//	npm ci --prefix webhooks/conformance
//	go test ./webhooks/conformance
package conformance
