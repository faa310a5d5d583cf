package config

// DidYouMean returns `; did you mean "NAME"?` with the name that is nearest to
// the given one, or "" if none is near.
func DidYouMean(given string, names []string) string {
	best, nearest := len(given)/3+1, ""
	for _, name := range names {
		if d := Distance(given, name); d <= best && (nearest == "" || d < best) {
			best, nearest = d, name
		}
	}
	if nearest == "" {
		return ""
	}
	return `; did you mean "` + nearest + `"?`
}

// Distance counts the bytes to insert, delete or replace to turn a into b.
func Distance(a, b string) int {
	row := make([]int, len(b)+1) // of the matrix, for a[:i]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
