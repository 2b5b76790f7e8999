package redact

import "strings"

// findCard finds the number of a payment card: 14 to 19 digits in one piece or in
// its groups, of a known issuer, with the right check digit (Luhn).
func findCard(s *source, from int) (int, int) {
	for i := from; i < len(s.text); i++ {
		if !isDigit(s.text[i]) {
			continue
		}
		if i == 0 || mayPrecede(s.text[:i]) {
			if end := cardEnd(s.text, i); end > 0 {
				return i, end
			}
		}
		for i+1 < len(s.text) && isDigit(s.text[i+1]) {
			i++
		}
	}
	return -1, -1
}

// cardEnd is where the card's number ends that starts at i, or 0.
func cardEnd(text string, i int) int {
	var digits [20]byte
	n, groups, separator := 0, 0, byte(0)
	var sizes, ends, counts [6]int
	for {
		start := i
		for i < len(text) && isDigit(text[i]) {
			if n == 19 {
				return 0
			}
			digits[n] = text[i]
			n++
			i++
		}
		sizes[groups], ends[groups], counts[groups] = i-start, i, n
		groups++
		if groups == len(sizes) || i+1 >= len(text) || text[i] != ' ' && text[i] != '-' || separator != 0 && text[i] != separator || !isDigit(text[i+1]) || n > 16 || sizes[groups-1] > 6 {
			break
		}
		separator = text[i]
		i++
	}
	for g := groups; g > 0; g-- { // what follows may be of its date
		n, end := counts[g-1], ends[g-1]
		if n >= 14 && mayFollow(text[end:]) && grouped(sizes[:g]) && issued(string(digits[:n])) && luhn(digits[:n]) {
			return end
		}
	}
	return 0
}

// grouped reports whether digits are written in one piece, or as cards have them.
func grouped(sizes []int) bool {
	if len(sizes) == 1 {
		return true
	}
	if len(sizes) == 3 {
		return sizes[0] == 4 && sizes[1] == 6 && sizes[2] <= 5 && sizes[2] >= 4
	}
	for i, size := range sizes {
		if last := i == len(sizes)-1; size != 4 && (!last || size > 3 || len(sizes) != 5) {
			return false
		}
	}
	return len(sizes) >= 4
}

// issued reports whether a number of that length begins as an issuer's do.
func issued(n string) bool {
	two, four := n[:2], n[:4]
	switch len(n) {
	case 14:
		return two == "36" || two == "38" || "300" <= n[:3] && n[:3] <= "305"
	case 15:
		return two == "34" || two == "37"
	case 16:
		return n[0] == '4' || "51" <= two && two <= "55" || "2221" <= four && four <= "2720" || four == "6011" || two == "65" || "644" <= n[:3] && n[:3] <= "649" || "3528" <= four && four <= "3589" || two == "62"
	case 17, 18:
		return two == "62"
	case 19:
		return two == "62" || n[0] == '4'
	}
	return false
}

func luhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// findIBAN finds an international account number by its country, its length there
// and its check digits, in one piece or in groups of four.
func findIBAN(s *source, from int) (int, int) {
	for i := from; i+15 <= len(s.text); i++ {
		c := s.text[i]
		if c < 'A' || c > 'Z' || i > 0 && isAlnum(s.text[i-1]) || !isDigit(s.text[i+2]) || !isDigit(s.text[i+3]) {
			continue
		}
		if end := ibanEnd(s.text, i); end > 0 {
			return i, end
		}
	}
	return -1, -1
}

func ibanEnd(text string, i int) int {
	want := ibanLengths[text[i:i+2]]
	if want == 0 {
		return 0
	}
	var number [34]byte
	n, start := 0, i
	for n < want && i < len(text) {
		switch c := text[i]; {
		case isDigit(c) || 'A' <= c && c <= 'Z':
			number[n] = c
			n++
		case c == ' ' && n%4 == 0 && text[i-1] != ' ' && i > start:
		default:
			return 0
		}
		i++
	}
	if n < want || i < len(text) && (isAlnum(text[i]) || text[i] == '_') {
		return 0
	}
	rest := 0
	for k := range n { // the first four come last
		c := number[(k+4)%n]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return 0
	}
	return i
}

// ibanLengths are those of each country.
var ibanLengths = func() map[string]int {
	lengths := map[string]int{}
	for _, c := range strings.Fields("AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20") {
		lengths[c[:2]] = int(c[2]-'0')*10 + int(c[3]-'0')
	}
	return lengths
}()

// findID finds national numbers of persons that can be checked: China's (18 places
// with a date), Brazil's CPF as it is written, and France's NIR.
func findID(s *source, from int) (int, int) {
	for i := from; i+14 <= len(s.text); i++ {
		if !isDigit(s.text[i]) {
			continue
		}
		if i == 0 || mayPrecede(s.text[:i]) {
			for _, end := range []int{chineseEnd(s.text, i), cpfEnd(s.text, i), nirEnd(s.text, i)} {
				if end > 0 && mayFollow(s.text[end:]) {
					return i, end
				}
			}
		}
		for i+1 < len(s.text) && isDigit(s.text[i+1]) {
			i++
		}
	}
	return -1, -1
}

// chineseEnd checks region, date and check digit of ISO 7064 (mod 11-2).
func chineseEnd(text string, i int) int {
	if i+18 > len(text) {
		return 0
	}
	n := text[i : i+18]
	sum := 0
	for k := range 17 {
		if !isDigit(n[k]) {
			return 0
		}
		sum = (sum*2 + int(n[k]-'0')) % 11
	}
	want := "10X98765432"[sum*2%11]
	if n[0] < '1' || n[6:8] != "19" && n[6:8] != "20" || n[10:12] < "01" || n[10:12] > "12" || n[12:14] < "01" || n[12:14] > "31" || n[17]&^0x20 != want&^0x20 || !isDigit(n[17]) && want != 'X' {
		return 0
	}
	return i + 18
}

// cpfEnd checks 000.000.000-00.
func cpfEnd(text string, i int) int {
	if i+14 > len(text) || text[i+3] != '.' || text[i+7] != '.' || text[i+11] != '-' {
		return 0
	}
	var digits []int
	for _, c := range []byte(text[i : i+14]) {
		if isDigit(c) {
			digits = append(digits, int(c-'0'))
		}
	}
	if len(digits) != 11 {
		return 0
	}
	for n := 9; n < 11; n++ {
		sum := 0
		for k := range n {
			sum += digits[k] * (n + 1 - k)
		}
		if sum*10%11%10 != digits[n] {
			return 0
		}
	}
	return i + 14
}

// nirEnd checks sex, month and the key (97) of 1 85 05 78 006 084 36.
func nirEnd(text string, i int) int {
	if text[i] != '1' && text[i] != '2' {
		return 0
	}
	at, rest, key := i, 0, 0
	for group, size := range [...]int{1, 2, 2, 2, 3, 3, 2} {
		if group > 0 && at < len(text) && text[at] == ' ' {
			at++
		} else if group > 0 {
			return 0 // in one piece it is a number like any other
		}
		value := 0
		for range size {
			if at == len(text) || !isDigit(text[at]) {
				return 0
			}
			value = value*10 + int(text[at]-'0')
			rest = (rest*10 + int(text[at]-'0')) % 97
			at++
		}
		if group == 2 && (value < 1 || value > 12) {
			return 0
		}
		if group == 5 {
			key = 97 - rest
		}
		if group == 6 && value != key {
			return 0
		}
	}
	return at
}
