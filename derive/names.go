package derive

import "strings"

// wildcard stands for the parts of names that vary.
const wildcard = "<_>"

const (
	// maxBranches is how many different tokens follow a place in a name before
	// others count as varying.
	maxBranches = 64
	// maxTokens is how many tokens of a name are looked at; the rest varies.
	maxTokens = 64
	// maxToken is up to how many bytes a token is no id.
	maxToken = 128
	// maxNodes bounds a tree; what comes later varies from the start.
	maxNodes = 100_000
)

// nameTree clusters span names, so that ids in them make no series of their
// own. It is a tree of tokens with a bound on the branches of each node, as in
// Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth
// Tree", 2017). Tokens that are numbers or ids vary from the start.
type nameTree struct {
	root  nameNode
	nodes int
}

type nameNode struct{ next map[string]*nameNode }

func newNameTree() *nameTree { return &nameTree{} }

// cluster returns the name with what varies replaced. A name without such parts comes back as it is.
func (t *nameTree) cluster(name string) string {
	var out strings.Builder
	node, rest := &t.root, name
	for n := 0; rest != ""; n++ {
		if n == maxTokens {
			out.WriteString(wildcard)
			break
		}
		token := nextToken(rest)
		rest = rest[len(token):]
		if len(token) > maxToken || isID(token) {
			token = wildcard
		}
		node = t.step(node, &token)
		if token != wildcard || !strings.HasSuffix(out.String(), wildcard) {
			out.WriteString(token)
		}
	}
	if out.String() == name {
		return name
	}
	return out.String()
}

// step goes on to the node of a token, which becomes the wildcard if there are too many others.
func (t *nameTree) step(node *nameNode, token *string) *nameNode {
	if next := node.next[*token]; next != nil {
		return next
	}
	if *token != wildcard && !isDelimiter((*token)[0]) && (len(node.next) >= maxBranches || t.nodes >= maxNodes) {
		*token = wildcard
		if next := node.next[wildcard]; next != nil {
			return next
		}
	}
	if t.nodes >= maxNodes {
		return node
	}
	if node.next == nil {
		node.next = map[string]*nameNode{}
	}
	next := &nameNode{}
	node.next[strings.Clone(*token)] = next
	t.nodes++
	return next
}

// nextToken returns the first token: a delimiter, or all up to the next one.
// The dashes of a UUID do not delimit.
func nextToken(s string) string {
	if len(s) >= 36 && isUUID(s[:36]) && (len(s) == 36 || isDelimiter(s[36])) {
		return s[:36]
	}
	if isDelimiter(s[0]) {
		return s[:1]
	}
	for i := range len(s) {
		if isDelimiter(s[i]) {
			return s[:i]
		}
	}
	return s
}

func isDelimiter(b byte) bool { return strings.IndexByte(" /.,:;_-?&=+#@()[]{}|\"'", b) >= 0 }

func isUUID(s string) bool {
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

// isID reports whether a token is a number, a UUID, or hex with at least eight digits one of which is decimal.
func isID(token string) bool {
	digits, hex := 0, 0
	for i := range len(token) {
		if '0' <= token[i] && token[i] <= '9' {
			digits++
		}
		if isHex(token[i]) {
			hex++
		}
	}
	switch {
	case digits == 0:
		return false
	case digits == len(token), len(token) == 36 && isUUID(token):
		return true
	}
	return hex == len(token) && len(token) >= 8
}
