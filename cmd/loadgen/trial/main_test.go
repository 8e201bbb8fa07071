package trial

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"
)

// A trial starts its own program again as the process of the abusers.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "trial" && os.Args[2] == "abuser" {
		if err := abuseAsTold(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func abuseAsTold(args []string) error {
	parser, err := kong.New(&Command{})
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return parsed.Selected().Target.Addr().Interface().(interface{ Run(context.Context) error }).Run(context.Background())
}
