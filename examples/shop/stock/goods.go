package main

import (
	"context"
	"database/sql"
	"errors"

	"go.opentelemetry.io/otel"
	_ "modernc.org/sqlite"

	"github.com/clewhq/clew/instrument/clewsql"

	"github.com/clewhq/clew/examples/shop/stock/stockpb"
)

var errSoldOut = errors.New("sold out")

// goods is the database: in memory, and gone with the process.
type goods struct{ db *sql.DB }

const schema = `
CREATE TABLE product (name TEXT PRIMARY KEY, cents INTEGER NOT NULL, in_stock INTEGER NOT NULL);
CREATE TABLE ordered (number INTEGER PRIMARY KEY, product TEXT NOT NULL REFERENCES product, quantity INTEGER NOT NULL);
INSERT INTO product VALUES ('kettle', 3900, 1000000), ('teapot', 5400, 1000000), ('cup', 900, 1000000), ('samovar', 24900, 0);`

func openGoods(ctx context.Context) (*goods, error) {
	ctx, span := otel.Tracer("shop.stock").Start(ctx, "open goods")
	defer span.End()
	db, err := clewsql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection to :memory: has a database of its own
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	return &goods{db}, nil
}

func (g *goods) close() { g.db.Close() }

func (g *goods) list(ctx context.Context) ([]*stockpb.Product, error) {
	rows, err := g.db.QueryContext(ctx, "SELECT name, cents, in_stock FROM product ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*stockpb.Product
	for rows.Next() {
		p := new(stockpb.Product)
		if err := rows.Scan(&p.Name, &p.Cents, &p.Left); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// reserve takes goods out of the stock, or none of them.
func (g *goods) reserve(ctx context.Context, product string, quantity int64) (*stockpb.Order, error) {
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	order := &stockpb.Order{Product: product, Quantity: quantity}
	var inStock int64
	if err := tx.QueryRowContext(ctx, "SELECT cents * ?, in_stock FROM product WHERE name = ?", quantity, product).Scan(&order.Cents, &inStock); err != nil {
		return nil, err
	}
	if inStock < quantity {
		return nil, errSoldOut
	}
	if _, err := tx.ExecContext(ctx, "UPDATE product SET in_stock = in_stock - ? WHERE name = ?", quantity, product); err != nil {
		return nil, err
	}
	if err := tx.QueryRowContext(ctx, "INSERT INTO ordered (product, quantity) VALUES (?, ?) RETURNING number", product, quantity).Scan(&order.Number); err != nil {
		return nil, err
	}
	return order, tx.Commit()
}
