package clewsql

import "strings"

// maxQuery bounds the text of a query that is recorded, in bytes.
const maxQuery = 4096

// summary says what a statement does and to what, such as SELECT orders: its
// first word, and the first name behind FROM, INTO, UPDATE, TABLE or CALL.
func (d dialect) summary(query string) string {
	s := scanner{dialect: d, text: query}
	verb := ""
	for t := s.next(); t != ""; t = s.next() {
		word := strings.ToUpper(t)
		if verb == "" {
			if !verbs[word] {
				return "" // whatever it is, it could have many values
			}
			verb = word
		}
		switch word {
		case "FROM", "INTO", "UPDATE", "TABLE", "CALL":
			if name := s.name(); name != "" {
				return verb + " " + name
			}
		}
	}
	return verb
}

var verbs = map[string]bool{
	"SELECT": true, "INSERT": true, "UPDATE": true, "DELETE": true, "MERGE": true, "REPLACE": true, "UPSERT": true,
	"WITH": true, "CALL": true, "EXEC": true, "EXPLAIN": true, "CREATE": true, "ALTER": true, "DROP": true, "TRUNCATE": true,
	"BEGIN": true, "COMMIT": true, "ROLLBACK": true, "SAVEPOINT": true, "RELEASE": true, "SET": true, "SHOW": true, "PRAGMA": true,
	"VACUUM": true, "ANALYZE": true, "COPY": true, "LOCK": true, "GRANT": true, "REVOKE": true, "USE": true,
}

// withoutLiterals returns a query with ? in place of every string and number,
// one space where there was space, and no comments.
func (d dialect) withoutLiterals(query string) string {
	var b strings.Builder
	s := scanner{dialect: d, text: query}
	for t := s.next(); t != ""; t = s.next() {
		if s.literal {
			t = "?"
		}
		if b.Len()+len(t) >= maxQuery {
			break
		}
		if s.spaced && b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
	return b.String()
}

// dialect is how a database quotes. What differs would let a literal through.
type dialect struct {
	doubleQuoted bool // "…" is a string, not a name
	backslash    bool // escapes in all strings, not only in E'…'
}

func dialectOf(system string) dialect {
	mysql := system == "mysql" || system == "mariadb"
	return dialect{doubleQuoted: mysql, backslash: mysql || system == "clickhouse"}
}

// scanner cuts SQL into words, quoted things, numbers and single symbols.
type scanner struct {
	dialect
	text    string
	pos     int
	spaced  bool // there was space, or a comment, before the last token
	literal bool // the last token is a string or a number
}

// next returns "" at the end.
func (s *scanner) next() string {
	s.spaced = s.skipSpace()
	s.literal = false
	start := s.pos
	if start == len(s.text) {
		return ""
	}
	c := s.text[start]
	s.pos++
	switch {
	case c == '\'':
		s.literal = true
		s.quoted('\'', s.backslash)
	case c == '"':
		s.literal = s.doubleQuoted
		s.quoted('"', s.backslash)
	case c == '`':
		s.quoted('`', false)
	case c == '$' && s.dollarQuoted(start):
		s.literal = true
	case c == '$':
		s.while(isWord) // $1
	case isDigit(c):
		s.literal = true
		s.while(func(c byte) bool { return isWord(c) || c == '.' })
	case isWord(c):
		s.while(isWord)
		if s.pos < len(s.text) && s.text[s.pos] == '\'' && s.pos == start+1 { // E'…', N'…', X'…'
			s.literal = true
			s.pos++
			s.quoted('\'', s.backslash || c == 'e' || c == 'E')
		}
	}
	return s.text[start:s.pos]
}

// name returns the name that follows, with its schema and without quotes.
func (s *scanner) name() string {
	var b strings.Builder
	for {
		t := s.next()
		switch {
		case t == "" || s.literal || !isWord(t[0]) && t[0] != '"' && t[0] != '`':
			return b.String()
		case strings.EqualFold(t, "only") || strings.EqualFold(t, "if") || strings.EqualFold(t, "not") || strings.EqualFold(t, "exists"):
			continue
		}
		b.WriteString(strings.Trim(t, "\"`"))
		if s.pos == len(s.text) || s.text[s.pos] != '.' {
			return b.String()
		}
		s.pos++
		b.WriteByte('.')
	}
}

// skipSpace reports whether there was any, or a comment.
func (s *scanner) skipSpace() bool {
	start := s.pos
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		end := 1
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
		case strings.HasPrefix(rest, "--"):
			end = ended(rest, "\n", 2)
		case strings.HasPrefix(rest, "/*"):
			end = ended(rest, "*/", 2)
		default:
			return s.pos > start
		}
		s.pos += end
	}
	return s.pos > start
}

// ended returns where the first end behind from is over, or the length of all.
func ended(text, end string, from int) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}

// quoted goes behind the closing quote; one that is doubled does not close.
func (s *scanner) quoted(quote byte, backslash bool) {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case backslash && c == '\\':
			s.pos = min(s.pos+1, len(s.text))
		case c == quote && s.pos < len(s.text) && s.text[s.pos] == quote:
			s.pos++
		case c == quote:
			return
		}
	}
}

// dollarQuoted goes behind a string of PostgreSQL such as $tag$…$tag$, if there is one.
func (s *scanner) dollarQuoted(start int) bool {
	tag := start + 1
	for tag < len(s.text) && isWord(s.text[tag]) && !isDigit(s.text[start+1]) {
		tag++
	}
	if tag == len(s.text) || s.text[tag] != '$' {
		return false
	}
	mark := s.text[start : tag+1]
	s.pos = tag + 1 + ended(s.text[tag+1:], mark, 0)
	return true
}

func (s *scanner) while(in func(byte) bool) {
	for s.pos < len(s.text) && in(s.text[s.pos]) {
		s.pos++
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
