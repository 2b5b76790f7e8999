package redact

// A prefix is how keys of an issuer begin, and the letters and digits that follow
// in one go, at least. A digit is among them, unless the prefix alone tells a key.
type prefix struct {
	text   string
	run    int
	sure   bool // no digit is asked for
	dotted bool // dots are of the key
}

var prefixes = [...]prefix{
	// Models.
	{text: "sk-proj-", run: 16, sure: true}, {text: "sk-ant-", run: 16, sure: true}, {text: "sk-or-", run: 16, sure: true}, {text: "sk-svcacct-", run: 16, sure: true}, {text: "sk-", run: 16},
	{text: "gsk_", run: 16}, {text: "gsk-", run: 16}, {text: "r8_", run: 16}, {text: "r8-", run: 16}, {text: "fw_", run: 16}, {text: "fw-", run: 16}, {text: "nvapi-", run: 10}, {text: "nvapi_", run: 10},
	{text: "hf_", run: 16}, {text: "hf-", run: 16}, {text: "xai-", run: 20}, {text: "pplx-", run: 20}, {text: "csk-", run: 20}, {text: "tgp_v1_", run: 16}, {text: "AIza", run: 16}, {text: "ya29.", run: 12},
	// Clouds and hosts of code.
	{text: "AKIA", run: 12}, {text: "ASIA", run: 12}, {text: "GOCSPX-", run: 6}, {text: "dop_v1_", run: 30}, {text: "doo_v1_", run: 30}, {text: "dapi", run: 32}, {text: "tskey-", run: 10}, {text: "hvs.", run: 16}, {text: "AGE-SECRET-KEY-1", run: 30}, {text: "dckr_pat_", run: 16}, {text: "ops_eyJ", run: 30},
	{text: "ghp_", run: 16}, {text: "gho_", run: 16}, {text: "ghu_", run: 16}, {text: "ghs_", run: 16}, {text: "ghr_", run: 16}, {text: "github_pat_", run: 16}, {text: "glpat-", run: 16}, {text: "gldt-", run: 16}, {text: "glrt-", run: 16}, {text: "glptt-", run: 16}, {text: "npm_", run: 30}, {text: "pypi-", run: 16}, {text: "ATATT3", run: 30}, {text: "lin_api_", run: 16},
	// Services.
	{text: "sk_live_", run: 8}, {text: "rk_live_", run: 8}, {text: "pk_live_", run: 8}, {text: "sk_test_", run: 8}, {text: "rk_test_", run: 8}, {text: "pk_test_", run: 8}, {text: "whsec_", run: 16}, {text: "shpat_", run: 16}, {text: "shpss_", run: 16}, {text: "shpca_", run: 16}, {text: "shppa_", run: 16}, {text: "sq0atp-", run: 10}, {text: "sq0csp-", run: 10}, {text: "SG.", run: 16, dotted: true}, {text: "figd_", run: 12}, {text: "ntn_", run: 20}, {text: "PMAK-", run: 16}, {text: "xapp-", run: 9},
	{text: "xoxa-", run: 9}, {text: "xoxb-", run: 9}, {text: "xoxc-", run: 9}, {text: "xoxd-", run: 9}, {text: "xoxe-", run: 9}, {text: "xoxo-", run: 9}, {text: "xoxp-", run: 9}, {text: "xoxr-", run: 9}, {text: "xoxs-", run: 9},
}

// byFirst are the prefixes by their first letter.
var byFirst = func() (table [256][]prefix) {
	for _, p := range prefixes {
		table[p.text[0]] = append(table[p.text[0]], p)
	}
	return table
}()
