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

// A trainer that never started has used up its deadline, and is not waited for again.
func TestATrainerThatNeverStartedIsNotRetried(t *testing.T) {
	p := shipped(t, "handoff", `train={agent: {deadline: 1h, container: {image: "t:1", command: [t]}}}`)
	program, err := expr.Compile(compile(t, p, config()).template("train-agent").RetryStrategy.Expression, expr.AsBool(), expr.Env(retryEnv))
	if err != nil {
		t.Fatal(err)
	}
	for duration, want := range map[float64]bool{12.5: true, 3600: true, 4200: false, 4201.5: false} {
		again, err := expr.Run(program, map[string]any{
			"asInt": func(any) int { return -1 }, "asFloat": func(any) float64 { return duration }, "retries": 0,
			"lastRetry": map[string]string{"exitCode": "-1", "status": "Failed", "duration": fmt.Sprint(duration)},
		})
		if err != nil || again != want {
			t.Errorf("after %v s: %v, want %v (%v)", duration, again, want, err)
		}
	}
}
