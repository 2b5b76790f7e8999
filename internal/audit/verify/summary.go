package verify

import (
	"github.com/gymline/gymline/internal/store"
)

// Types of the statement.
const (
	statementType = "https://in-toto.io/Statement/v1"
	summaryType   = "https://slsa.dev/verification_summary/v1"
	verifierID    = "https://github.com/gymline/gymline/verify"
	policyURI     = "https://github.com/gymline/gymline/blob/main/docs/audit.md#verify"
)

// A Statement is an in-toto statement whose predicate is SLSA's verification summary.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// A Subject is what a statement is of.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// A Predicate is a verification summary; Gymline is what it has beside SLSA's fields.
type Predicate struct {
	Verifier struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version"`
	} `json:"verifier"`
	TimeVerified       string            `json:"timeVerified"`
	ResourceURI        string            `json:"resourceUri"`
	Policy             map[string]string `json:"policy"`
	VerificationResult string            `json:"verificationResult"` // "PASSED" or "FAILED"
	VerifiedLevels     []string          `json:"verifiedLevels"`
	SLSAVersion        string            `json:"slsaVersion"`
	Gymline            Details           `json:"gymline"`
}

// Details are what was found.
type Details struct {
	Run      store.RunID `json:"run"`
	State    string      `json:"state"`
	Objects  int64       `json:"objects"`
	Bytes    int64       `json:"bytes"`
	Chain    int         `json:"chain"`
	SignedBy []string    `json:"signedBy"`
	Problems []Problem   `json:"problems"`
	Remarks  []string    `json:"remarks"`
}

// Levels of a run that passed, beside SLSA's own.
const (
	levelRead   = "GYMLINE_OBJECTS_READ"  // every object has its digest
	levelBound  = "GYMLINE_RECORDS_BOUND" // the seal binds every record
	levelSigned = "GYMLINE_SIGNED"        // by each of the keys that were given
	levelAgain  = "GYMLINE_STEPS_AGAIN"   // what asks no model was done again
)

// Statement is a result as an in-toto statement, of that time.
func (r *Result) Statement(version, at string) Statement {
	s := Statement{Type: statementType, PredicateType: summaryType, Subject: []Subject{}}
	if r.Seal != "" {
		s.Subject = append(s.Subject, Subject{"runs/" + string(r.Run) + "/seal.json", map[string]string{"sha256": string(r.Seal)}})
	}
	p := &s.Predicate
	p.Verifier.ID, p.Verifier.Version = verifierID, map[string]string{"gymline": version}
	p.TimeVerified, p.ResourceURI, p.SLSAVersion = at, "gymline:run/"+string(r.Run), "1.0"
	p.Policy = map[string]string{"uri": policyURI}
	p.VerificationResult, p.VerifiedLevels = "FAILED", []string{}
	if len(r.Problems) == 0 {
		p.VerificationResult = "PASSED"
		p.VerifiedLevels = append(p.VerifiedLevels, levelRead)
		if r.Bound {
			p.VerifiedLevels = append(p.VerifiedLevels, levelBound)
		}
		if r.Again {
			p.VerifiedLevels = append(p.VerifiedLevels, levelAgain)
		}
		if len(r.SignedBy) > 0 {
			p.VerifiedLevels = append(p.VerifiedLevels, levelSigned)
		}
	}
	p.Gymline = Details{r.Run, r.State, r.Objects, r.Bytes, r.Chain, append([]string{}, r.SignedBy...), append([]Problem{}, r.Problems...), append([]string{}, r.Remarks...)}
	return s
}
