package redact

import (
	"strings"
	"testing"
)

// What is known by its marks, by what stands around it, or by its check digits.
func TestFindsForms(t *testing.T) {
	const run = "AbCdEf0123456789AbCdEf0123"
	for _, c := range []struct{ text, want string }{
		// Keys by their beginning.
		{"gsk_" + run + " nvapi-" + run + " r8_" + run + " fw_" + run + " hf_" + run, "[key 1] [key 2] [key 3] [key 4] [key 5]"},
		{"sk-proj-abcdefghijklmnop sk-or-v1-" + run, "[key 1] [key 2]"},
		{`{"client_secret":"GOCSPX-abc_def-ghi1jklmnop"}`, `{"client_secret":"[key 1]"}`},
		{"ya29." + run + ", SG." + run + "." + run + ".", "[key 1], [key 2]."},
		{"xoxe-" + run + " xapp-1-A0123-456-" + run + " dop_v1_" + hex32, "[key 1] [key 2] [key 3]"},
		{"ASIAIOSFODNN7EXAMPLE and tskey-auth-" + run, "[key 1] and [key 2]"},
		{"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [key 1]"},
		{`"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"`, `"SecretAccessKey": "[key 1]"`},
		{"DefaultEndpointsProtocol=https;AccountKey=" + strings.Repeat("0123456789abcdefABCDEF", 4) + "==;", "DefaultEndpointsProtocol=https;AccountKey=[key 1];"},
		// Keys by what stands around them.
		{"DB postgres://me:S3cretPw@db/x, redis://:pw@h:6379", "DB postgres://me:[key 1]@db/x, redis://:[key 2]@h:6379"},
		{"mongodb+srv://me:p@ss:w@cluster.example.net/db", "mongodb+srv://me:[key 1]@cluster.example.net/db"},
		{"https://" + body + "@host/x", "https://[key 1]@host/x"},
		{"Server=db;User Id=sa;Password=hunter2;Encrypt=yes", "Server=db;User Id=sa;Password=[key 1];Encrypt=yes"},
		{"jdbc:postgresql://h/db?user=me&password=pw&ssl=true", "jdbc:postgresql://h/db?user=me&password=[key 1]&ssl=true"},
		{"Authorization: Basic dXNlcjpwYXNzd29yZDE=", "Authorization: Basic [key 1]"},
		{`-H "authorization: basic dXNlcjpwYXNzd29yZDE"`, `-H "authorization: basic [key 1]"`},
		{"Authorization: Bearer abc123def", "Authorization: Bearer [key 1]"},
		{"'Authorization': 'Token 0123456789'", "'Authorization': 'Token [key 1]'"},
		{"Cookie: session=" + hex32 + "; theme=dark; id=a.b-c_d1%20x", "Cookie: session=[key 1]; theme=dark; id=[key 2]"},
		{"Set-Cookie: sid=abcdefgh1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/accounts/x; HttpOnly", "Set-Cookie: sid=[key 1]; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/accounts/x; HttpOnly"},
		{"-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc\n-----END PGP PRIVATE KEY BLOCK-----\nx", "[key 1]\nx"},
		{`"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"`, `"[key 1]\n"`},
		// Numbers with check digits.
		{"card 4111 1111 1111 1111 12/27, 5500-0000-0000-0004 and 4111111111111111", "card [card 1] 12/27, [card 2] and [card 1]"},
		{"Amex 3782 822463 10005, 4111 1111 1111 1111 123", "Amex [card 1], [card 2] 123"},
		{"IBAN DE89 3704 0044 0532 0130 00, GB82WEST12345698765432.", "IBAN [iban 1], [iban 2]."},
		{"to DE89370400440532013000 or DE89 3704 0044 0532 0130 00 AND MORE", "to [iban 1] or [iban 1] AND MORE"},
		{"身份证 11010519491231002X。", "身份证 [id 1]。"},
		{"CPF 111.444.777-35, NIR 1 85 05 78 006 084 91", "CPF [id 1], NIR [id 2]"},
	} {
		if got := redacted(c.text)[0]; got != c.want {
			t.Errorf("%q\n gave %q\n want %q", c.text, got, c.want)
		}
	}
}

// What is written like one of the forms, and is none.
func TestLeavesFormsAlone(t *testing.T) {
	for _, text := range []string{
		// Wrong check digits, or no issuer.
		"card 4111 1111 1111 1112", "9111111111111111", "4111 1111 11111111", "order 1234567812345670", "DE88370400440532013000", "XX89370400440532013000", "11010519491231002 11010519491331002X", "CPF 111.444.777-36", "4006381333931",
		"1717378000744000000", "a4111111111111111", "4111111111111111b", "0.4111111111111111",
		// Words after a scheme or name.
		"Basic Programming in Python", "basic authentication", "Basic dXNlcg==", "Authorization: required", "Authorization: Bearer <token>", "Authorization: Bearer $TOKEN", "authorization token is missing",
		"Cookie: yes", "cookies: 12", "Cookie: theme=dark", "the cookie: good=bad",
		// What a program puts in, and addresses without a password.
		"postgres://user:$PASS@h/x", "https://user:{password}@h", "https://user:***@h", "https://example.com:8080/@jane", "http://[::1]:80/a@b", "user?password=&x=1", "?password=$PW", "the password=form field; password=",
		"fw_version_1_2_3", "r8_register", "client_secret: your-client-secret", "ya29.", "SG.x", "-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc",
	} {
		if got := redacted(text)[0]; got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
