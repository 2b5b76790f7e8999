package argo

import (
	"fmt"
	"testing"

	"github.com/expr-lang/expr"

	"github.com/gymline/gymline/internal/fault"
)

// What is tried again is said twice: to Argo, and to those who watch it.
func TestWhatIsRetried(t *testing.T) {
	program, err := expr.Compile(retry, expr.AsBool(), expr.Env(retryEnv))
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[int]bool{
		fault.Internal: false, fault.Usage: false, fault.Permanent: false, fault.Budget: false, fault.Config: false,
		fault.Temporary: true, fault.Interrupted: true, 137: true, 143: true, -1: true,
	} {
		again, err := expr.Run(program, map[string]any{
			"asInt": func(any) int { return code }, "retries": 0, "lastRetry": map[string]string{"exitCode": fmt.Sprint(code), "status": "Failed"},
		})
		if err != nil || again != want || (Pod{ExitCode: code}).Retried() != want {
			t.Errorf("exit code %d: %v and %v, want %v (%v)", code, again, (Pod{ExitCode: code}).Retried(), want, err)
		}
	}
	for message, want := range map[string]bool{ // as kubelet writes them
		"The node was low on resource: ephemeral-storage. Threshold quantity: 1, available: 0. ": true,
		`Usage of EmptyDir volume "tmp" exceeds the limit "16Gi". `:                              false,
		"Pod ephemeral local storage usage exceeds the total limit of containers 18Gi. ":         false,
		`Container main exceeded its local ephemeral storage limit "17Gi". `:                     false,
	} {
		again, err := expr.Run(program, map[string]any{
			"asInt": func(any) int { return 137 }, "retries": 0, "lastRetry": map[string]string{"exitCode": "137", "status": "Failed", "message": message},
		})
		if pod := (Pod{ExitCode: 137, Message: message}); err != nil || again != want || pod.Retried() != want || pod.Overfull() == want {
			t.Errorf("%s: %v, want %v (%v)", message, again, want, err)
		}
	}
}
