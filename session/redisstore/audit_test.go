package redisstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/session/audit"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
)

// What applications do by the thousand neither grows the log beyond its bytes nor pushes out what
// an operator did.
func TestAuditIsBoundedInBytes(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	const most = 200 << 10
	s := redisstore.New(client, redisstore.Options{AuditBytes: most})
	person := []audit.Entry{{By: "desk", Role: "operator", Action: "end-session", At: time.Now()}}
	if _, err := s.AppendAudit(t.Context(), "first", person); err != nil {
		t.Fatal(err)
	}
	var batch []audit.Entry
	for range 200 {
		batch = append(batch, audit.Entry{By: strings.Repeat("x", 100), Role: "app", Action: "create-session", At: time.Now()})
	}
	for i := range 20 {
		if _, err := s.AppendAudit(t.Context(), fmt.Sprint(i), batch); err != nil {
			t.Fatal(err)
		}
	}
	bytes := func(stream string) (n int) {
		for _, m := range client.XRange(t.Context(), stream, "-", "+").Val() {
			n += len(m.Values["body"].(string))
		}
		return n
	}
	if n := bytes("gw:{audit}:app"); n > most/2 || n < most/4 {
		t.Errorf("%d bytes of apps, want about %d", n, most/2)
	}
	page, err := s.AuditEntries(t.Context(), audit.Query{By: "desk"}, "", 10)
	if err != nil || len(page.Entries) != 1 {
		t.Errorf("of the operator: %+v, %v", page.Entries, err)
	}
	if n := client.MemoryUsage(t.Context(), "gw:{audit}:app").Val(); n > most {
		t.Errorf("the stream takes %d bytes of memory", n)
	}
}

func TestAuditForgetsWhatIsOld(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{AuditKeep: time.Hour})
	old := fmt.Sprint(time.Now().Add(-2*time.Hour).UnixMilli(), "-0")
	for _, stream := range []string{"gw:{audit}:app", "gw:{audit}:operator"} {
		if err := client.Do(t.Context(), "XADD", stream, old, "body", `{"action":"old"}`, "before", "0").Err(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AppendAudit(t.Context(), "1", []audit.Entry{{Role: "app", Action: "new"}}); err != nil {
		t.Fatal(err)
	}
	page, err := s.AuditEntries(t.Context(), audit.Query{}, "", 10)
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Action != "new" {
		t.Fatalf("left: %+v, %v", page.Entries, err)
	}
}
