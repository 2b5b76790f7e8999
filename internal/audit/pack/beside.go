package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/store"
)

// follow stores a note or signature under its number or, where another has it, under the
// next that is free: what came to the run here stays, and what comes is not lost.
func (u *unpacker) follow(o store.Object) (there bool, err error) {
	folder, name := path.Split(o.Key)
	number, err := strconv.Atoi(strings.TrimSuffix(name, ".json"))
	if err != nil || number < 1 || number > maxBeside || name != strconv.Itoa(number)+".json" {
		return false, fmt.Errorf("%s: it has no number", o.Key)
	}
	for ; ; number++ {
		body := o.Body
		if strings.HasPrefix(folder, "notes/") {
			body = numbered(body, number)
		}
		key := folder + strconv.Itoa(number) + ".json"
		err := u.st.Bucket().Create(u.ctx, key, body)
		if !errors.Is(err, store.ErrExists) {
			return false, err
		}
		have, err := u.st.ReadObject(u.ctx, key)
		if err != nil || bytes.Equal(have, body) || bytes.Equal(have, o.Body) {
			return err == nil, err
		}
	}
}

// maxBeside is the highest number of a note or signature that comes.
const maxBeside = 1 << 20

// numbered is a note with another number, which its record has, too.
func numbered(body []byte, number int) []byte {
	var n store.Note
	if json.Unmarshal(body, &n) != nil || n.Number == number {
		return body
	}
	n.Number = number
	data, err := json.MarshalIndent(n, "", " ")
	if err != nil {
		return body
	}
	return append(data, '\n')
}
