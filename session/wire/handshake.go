package wire

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// version is the only WebSocket version there is (RFC 6455 §4.1).
const version = "13"

// HandshakeError is a handshake that did not become a connection.
type HandshakeError struct {
	Status int         // from Dial: what the server answered; from Accept: what to answer
	Header http.Header // from Dial: of that answer; from Accept: to set on it
	Body   []byte      // from Dial: the beginning of the answer's body, at most 64 KiB
	Reason string      // from Accept, or from Dial when a 101 was not right: what is wrong
}

// Error says what was wrong or, where the peer refused, with which status; never its body.
func (e *HandshakeError) Error() string {
	if e.Reason != "" {
		return "wire: handshake: " + e.Reason
	}
	return "wire: handshake was answered with status " + strconv.Itoa(e.Status)
}

// acceptKey proves that a server read the client's key (RFC 6455 §4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// tokens are the members of a comma-separated header, over all its lines.
func tokens(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" {
				all = append(all, token)
			}
		}
	}
	return all
}

func hasToken(h http.Header, name, want string) bool {
	for _, token := range tokens(h, name) {
		if strings.EqualFold(token, want) {
			return true
		}
	}
	return false
}
