package metrics

// Anchors are rows that people labelled, as the judge of an evaluation rules on them.
type Anchors struct {
	// Rows are those that it gave a verdict on, and Unjudged those that it gave none on.
	Rows     int `json:"rows"`
	Unjudged int `json:"unjudged,omitempty"`
	// Accepted are those that it accepts, and Agreed those on which its verdict is
	// that of people.
	Accepted int `json:"accepted"`
	Agreed   int `json:"agreed"`
	// JudgedBy are the models that judged, as their provider named them.
	JudgedBy []string `json:"judgedBy,omitempty"`
}
