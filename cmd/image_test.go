package cmd_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestImageHasAllItIsBuiltOf holds the Dockerfile, which copies folders one by one, against
// what the server imports: no test builds an image.
func TestImageHasAllItIsBuiltOf(t *testing.T) {
	dockerfile, packages := read(t, "../Dockerfile"), tree(t)
	seen := map[string]bool{"cmd/gateway": true}
	for queue := []string{"cmd/gateway"}; len(queue) > 0; queue = queue[1:] {
		folder, _, _ := strings.Cut(queue[0], "/")
		if !regexp.MustCompile(`(?m)^COPY ` + folder + `(/\*\.go)? `).MatchString(dockerfile) {
			t.Errorf("the Dockerfile does not copy %s", queue[0])
		}
		for _, path := range packages[queue[0]] {
			if name, ours := strings.CutPrefix(path, "switchboard/"); ours && !seen[name] {
				seen[name] = true
				queue = append(queue, name)
			}
		}
	}
}
