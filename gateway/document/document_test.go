package document_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"switchboard/gateway/document"
)

func TestBest(t *testing.T) {
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "br": "br", "gzip, deflate, br, zstd": "br", "GZIP": "gzip", "x-gzip": "gzip", "deflate": "", "*": "br",
		"gzip;q=1.0, br;q=0.5": "gzip", "br;q=0, *": "gzip", "gzip;q=0": "", "gzip;q=0.000": "", "*;q=0": "", "identity": "", "identity, gzip;q=0.5": "",
		"identity;q=0.5, gzip;q=0.5": "gzip", "identity;q=0, gzip;q=0.1": "gzip", "gzip ; q = 0.8 , br ; q = 0.9": "br", "gzip;q=high": "", "gzip;q=2": "",
		"gzip;q=NaN": "", "gzip;x=1;q=0": "", ",,gzip": "gzip",
	} {
		h := http.Header{}
		if accept != "" {
			h.Set("Accept-Encoding", accept)
		}
		if got := document.Best(h, "br", "gzip"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	several := http.Header{"Accept-Encoding": {"deflate", "gzip"}}
	if got := document.Best(several, "br", "gzip"); got != "gzip" {
		t.Errorf("two lines: %q", got)
	}
}

func serve(d *document.Document, method string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/plain")
	d.ServeHTTP(w, r)
	return w
}

func TestDocument(t *testing.T) {
	body := []byte(strings.Repeat("the same again, ", 200))
	d := document.Compress(body)
	plain := serve(d, "GET")
	if plain.Code != 200 || !bytes.Equal(plain.Body.Bytes(), body) || plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("plain: %d %v", plain.Code, plain.Header())
	}
	packed := serve(d, "GET", "Accept-Encoding", "gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" || packed.Body.Len() > len(body)/4 ||
		packed.Header().Get("Content-Length") != strconv.Itoa(packed.Body.Len()) {
		t.Errorf("gzip: %v, %d bytes", packed.Header(), packed.Body.Len())
	}
	unpacked, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(got, body) {
		t.Errorf("unpacked: %v, %d bytes", err, len(got))
	}
	tag, packedTag := plain.Header().Get("ETag"), packed.Header().Get("ETag")
	if tag == packedTag || !strings.HasPrefix(tag, `"`) {
		t.Errorf("tags %s, %s: they are of different bytes", tag, packedTag)
	}
	for _, row := range []struct {
		name, match, accept string
		want                int
	}{
		{"known", tag, "", 304}, {"known compressed", packedTag, "gzip", 304}, {"weak", "W/" + tag, "", 304}, {"one of several", `"x", ` + tag, "", 304},
		{"any", "*", "", 304}, {"of another coding", packedTag, "", 200}, {"old", `"x"`, "", 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := serve(d, method, "If-None-Match", row.match, "Accept-Encoding", row.accept)
			if got.Code != row.want || (method == "HEAD" || row.want == 304) && got.Body.Len() > 0 {
				t.Errorf("%s, %s: %d with %d bytes", method, row.name, got.Code, got.Body.Len())
			}
			if got.Header().Get("ETag") == "" || got.Header().Get("Vary") == "" || row.want == 304 && got.Header().Get("Content-Encoding") != "" {
				t.Errorf("%s, %s: %v", method, row.name, got.Header())
			}
		}
	}
}

// Part of a compressed body is of no use to who asks for part of a document.
func TestRangesAreOfTheDocumentAsItIs(t *testing.T) {
	body := []byte(strings.Repeat("0123456789", 300))
	d := document.Compress(body)
	got := serve(d, "GET", "Range", "bytes=10-19", "Accept-Encoding", "gzip")
	if got.Code != 206 || got.Body.String() != "0123456789" || got.Header().Get("Content-Encoding") != "" {
		t.Errorf("%d %v %q", got.Code, got.Header(), got.Body)
	}
	if got := serve(d, "GET", "Range", "bytes=9999-"); got.Code != 416 {
		t.Errorf("behind the end: %d", got.Code)
	}
}

func TestWhatDoesNotShrinkIsServedAsItIs(t *testing.T) {
	got := serve(document.Compress([]byte("x")), "GET", "Accept-Encoding", "gzip")
	if got.Body.String() != "x" || got.Header().Get("Vary") != "" {
		t.Errorf("%v %q", got.Header(), got.Body)
	}
}
