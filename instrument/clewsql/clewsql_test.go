package clewsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	_ "modernc.org/sqlite"
)

func TestOpen(t *testing.T) {
	checkTraced(t, func() (*sql.DB, error) { return Open("sqlite", ":memory:") })
}

func TestOpenDB(t *testing.T) {
	plain, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	checkTraced(t, func() (*sql.DB, error) { return OpenDB("sqlite", connector{plain.Driver()}), nil })
}

// connector opens databases in memory.
type connector struct{ driver driver.Driver }

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(":memory:") }
func (c connector) Driver() driver.Driver                        { return c.driver }

// checkTraced uses an empty database, and looks at the spans of that.
func checkTraced(t *testing.T, open func() (*sql.DB, error)) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })

	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id INTEGER, who TEXT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO orders VALUES (?, 'Ada''s')", 7); err != nil {
		t.Fatal(err)
	}
	var who string
	if err := db.QueryRowContext(ctx, "SELECT who FROM orders WHERE id = 7 -- the lucky one").Scan(&who); err != nil || who != "Ada's" {
		t.Fatal(who, err)
	}
	if _, err := db.ExecContext(ctx, "DELETE FROM invoices"); err == nil {
		t.Fatal("a table that is not there is emptied")
	}
	var names, texts []string
	for _, s := range spans.Ended() {
		names = append(names, s.Name())
		for _, a := range s.Attributes() {
			switch a.Key {
			case "db.query.text":
				texts = append(texts, a.Value.AsString())
			case "db.system.name":
				if a.Value.AsString() != "sqlite" {
					t.Errorf("the system is %v", a.Value)
				}
			}
		}
		if (s.Status().Code == codes.Error) != (s.Name() == "DELETE invoices") || s.Parent().SpanID() != parent.SpanContext().SpanID() {
			t.Errorf("%s: %v below %v", s.Name(), s.Status(), s.Parent().SpanID())
		}
	}
	if want := []string{"CREATE orders", "INSERT orders", "SELECT orders", "DELETE invoices"}; !slices.Equal(names, want) {
		t.Errorf("spans %q, want %q", names, want)
	}
	if want := []string{"CREATE TABLE IF NOT EXISTS orders (id INTEGER, who TEXT)", "INSERT INTO orders VALUES (?, ?)",
		"SELECT who FROM orders WHERE id = ?", "DELETE FROM invoices"}; !slices.Equal(texts, want) {
		t.Errorf("texts %q, want %q", texts, want)
	}
}

func TestQueries(t *testing.T) {
	for _, test := range []struct{ system, query, summary, text string }{
		{"postgresql", `select a, 1.5e3 from "Sales"."Orders" where id=$1 and n in (1,22)`, "SELECT Sales.Orders", `select a, ? from "Sales"."Orders" where id=$1 and n in (?,?)`},
		{"postgresql", `UPDATE ONLY t SET a = E'it\'s', b = $tag$ secret $ $tag$, c = $$ x $$`, "UPDATE t", `UPDATE ONLY t SET a = ?, b = ?, c = ?`},
		{"postgresql", `SELECT '\', 'secret'`, "SELECT", `SELECT ?, ?`},
		{"mysql", "SELECT `a` FROM `t 1` WHERE b = \"se\\\"cret\" AND c = 'it\\'s'", "SELECT t 1", "SELECT `a` FROM `t 1` WHERE b = ? AND c = ?"},
		{"sqlite", "/* by Ada */ WITH x AS (SELECT 1) SELECT * FROM x", "WITH x", "WITH x AS (SELECT ?) SELECT * FROM x"},
		{"sqlite", "  BEGIN  ", "BEGIN", "BEGIN"},
		{"sqlite", "delete from t where x = 0xff and y = :name or z=@p1", "DELETE t", "delete from t where x = ? and y = :name or z=@p1"},
		{"sqlite", "SELECT * FROM (SELECT id FROM inner_table)", "SELECT inner_table", "SELECT * FROM (SELECT id FROM inner_table)"},
		{"sqlite", "frobnicate 1234", "", "frobnicate ?"},
		{"sqlite", "SELECT 'never closed", "SELECT", "SELECT ?"},
		{"sqlite", "SELECT a FROM t WHERE b = '" + strings.Repeat("long", maxQuery) + "' AND c = 1", "SELECT t", "SELECT a FROM t WHERE b = ? AND c = ?"},
		{"sqlite", "SELECT größe FROM maße", "SELECT maße", "SELECT größe FROM maße"},
		{"sqlite", "", "", ""},
	} {
		d := dialectOf(test.system)
		if got := d.summary(test.query); got != test.summary {
			t.Errorf("%s is summed up as %q, want %q", test.query, got, test.summary)
		}
		if got := d.withoutLiterals(test.query); got != test.text {
			t.Errorf("%s becomes\n%s, want\n%s", test.query, got, test.text)
		}
	}
	if got := (dialect{}).withoutLiterals("SELECT " + strings.Repeat("a, ", 10000)); len(got) > maxQuery {
		t.Errorf("%d bytes are recorded", len(got))
	}
}

// FuzzLiterals puts a string with every kind of byte into a query: none of it may be left.
func FuzzLiterals(f *testing.F) {
	f.Add("it's \\ \"secret\" 12 -- /* $$", true)
	f.Add("\\'", false)
	f.Fuzz(func(t *testing.T, secret string, mysql bool) {
		d, escaped := dialectOf("postgresql"), strings.ReplaceAll(secret, "'", "''")
		if mysql {
			d = dialectOf("mysql")
			escaped = strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret)
		}
		query := "SELECT a FROM t WHERE b = '" + escaped + "' AND c = 1"
		if got := d.withoutLiterals(query); got != "SELECT a FROM t WHERE b = ? AND c = ?" {
			t.Errorf("%q becomes %q", query, got)
		}
		d.summary(secret)
		d.withoutLiterals(secret)
	})
}
