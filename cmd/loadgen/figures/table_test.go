package figures

import (
	"strings"
	"testing"
)

func TestFigure(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0.00", 1.234: "1.23", -9.999: "-10.00", 54.21: "54.2", 318.4: "318", 1234.5: "1,234", 217948: "217,948",
		1e6: "1,000,000", -497.2: "-497", -1234567: "-1,234,567",
	} {
		if got := Figure(&x); got != want {
			t.Errorf("figure(%v) = %q, want %q", x, got, want)
		}
	}
	if got := Figure(nil); got != "–" {
		t.Errorf("figure of none is %q", got)
	}
	if got := Count(7) + " " + Count(4533); got != "7 4,533" {
		t.Errorf("counts are %q", got)
	}
}

func TestTable(t *testing.T) {
	tab := Table{Head: []string{"target", "p50 µs", "×"}}
	tab.Add("direct", "54.2", "–")
	tab.Add("nginx", "1,570", "1.00")
	for _, c := range []struct {
		name  string
		write func(*strings.Builder) error
		want  string
	}{
		{"plain", func(b *strings.Builder) error { return tab.Plain(b) },
			"target  p50 µs     ×\ndirect    54.2     –\nnginx    1,570  1.00\n"},
		{"markdown", func(b *strings.Builder) error { return tab.Markdown(b) },
			"| target | p50 µs | × |\n|---|---:|---:|\n| direct | 54.2 | – |\n| nginx | 1,570 | 1.00 |\n"},
	} {
		var b strings.Builder
		if err := c.write(&b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%s", c.name, err, b.String())
		}
	}
}
