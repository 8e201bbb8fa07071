package standin

import (
	"net/http"
	"slices"
	"strings"
)

// betaSubprotocol is how a browser asked for the beta API.
const betaSubprotocol = "openai-beta.realtime-v1"

// keySubprotocol is how a browser, which cannot set headers, presents its key.
const keySubprotocol = "openai-insecure-api-key."

// presentedKey finds the key a request carries: the Authorization header first, then,
// for WebSockets, the subprotocol.
func presentedKey(r *http.Request) string {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(key)
	}
	for _, protocol := range subprotocols(r) {
		if key, ok := strings.CutPrefix(protocol, keySubprotocol); ok {
			return key
		}
	}
	return ""
}

// subprotocols are those that the client of a WebSocket offers.
func subprotocols(r *http.Request) (offered []string) {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(header, ",") {
			offered = append(offered, strings.TrimSpace(protocol))
		}
	}
	return offered
}

func offers(r *http.Request, subprotocol string) bool {
	return slices.Contains(subprotocols(r), subprotocol)
}

// authorize checks an API key. Client secrets are not API keys.
func (srv *Server) authorize(key string) *apiError {
	switch {
	case key == "":
		return errNoKey()
	case strings.HasPrefix(key, secretPrefix):
		return errWrongKey(key)
	case len(srv.opts.Keys) > 0 && !slices.Contains(srv.opts.Keys, key):
		return errWrongKey(key)
	}
	return nil
}
