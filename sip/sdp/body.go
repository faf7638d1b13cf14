package sdp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// ErrNoDescription says that a message body holds no session description; SIP answers 415.
var ErrNoDescription = errors.New("no application/sdp in the message body")

// Extract returns the session description, still text, that is in a message body: all of it if contentType is
// application/sdp, its first such part if it is multipart (RFC 5621 section 3; phones send multipart/mixed with
// location or ISUP beside the SDP). The error is ErrNoDescription, or says what is wrong with the multipart.
func Extract(contentType string, body []byte) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	switch {
	case kind == "application/sdp": // whatever is wrong with its parameters, there are none that matter
		return body, nil
	case err != nil || !strings.HasPrefix(kind, "multipart/"):
		return nil, ErrNoDescription
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil, ErrNoDescription
		}
		if err != nil {
			return nil, fmt.Errorf("multipart body: %w", err)
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind != "application/sdp" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, fmt.Errorf("application/sdp part of the multipart body: %w", err)
		}
		return text, nil
	}
}
