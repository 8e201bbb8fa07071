package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"switchboard/gateway/strict"
)

func FuzzDecodeStrictTakesJSONOnly(f *testing.F) {
	for _, seed := range []string{`{}`, ``, `{"session":{"type":"realtime"}}`, `{"expires_after":{"seconds":1}}{}`, `{"x":1}`, `null`, `{"session":1,"session":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var r secretRequest
		err := decodeStrict(strings.NewReader(body), &r)
		if err == nil && strings.TrimSpace(body) != "" && !json.Valid([]byte(body)) {
			t.Errorf("took %q", body)
		}
		if at := strict.Repeated([]byte(body)); at != "" && !json.Valid([]byte(body)) {
			t.Errorf("found %q twice in %q, which is no JSON", at, body)
		}
		if err != nil && asProblem(err).Status/100 != 4 {
			t.Errorf("%q: %v is not the caller's fault", body, err)
		}
	})
}

func FuzzCredentialNeverComesFromTheAddress(f *testing.F) {
	for _, seed := range []string{"", "model=x", "key=sk-1", "a=%zz&token=ek_1", "label=a:b", "x=ek_1;y", "token=%zz"} {
		f.Add(seed, "realtime, openai-insecure-api-key.ek_2", "Bearer sk-3")
	}
	f.Fuzz(func(t *testing.T, query, protocols, authorization string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{
			"Sec-Websocket-Protocol": {protocols}, "Authorization": {authorization},
		}}
		secret, err := credential(r)
		if err == nil && (secret == "" || !strings.Contains(protocols+" "+authorization, secret)) {
			t.Errorf("%q came from nowhere", secret)
		}
		if strings.HasPrefix(query, "token=") && err != errInQuery {
			t.Errorf("took a credential of %q", query)
		}
	})
}
