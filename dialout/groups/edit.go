package groups

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// errQuery is why a store with a query of the operator's answers Members alone.
var errQuery = errors.New("groups.query reads a table of your own, of which nothing else is known: " +
	"only \"sipconf groups show\" works with it, and what is in the table is changed where it comes from")

// Rows asks the database.
func (t *table) Rows(ctx context.Context) ([]Row, error) {
	if t.query != "" {
		return nil, errQuery
	}
	var rows []Row
	err := t.ask(ctx, editTime, func(ctx context.Context, c *sql.Conn) (err error) {
		rows, err = read(ctx, c, mostRows, (*Row).fields, selectRows)
		return err
	})
	slices.SortStableFunc(rows, compareRows)
	return once(rows), err
}

// Put reads all rows and writes those that differ, in one transaction.
func (t *table) Put(ctx context.Context, rows []Row) (Changes, error) {
	if t.query != "" {
		return Changes{}, errQuery
	}
	if err := wellFormed(rows); err != nil {
		return Changes{}, err
	}
	var made edit
	err := t.ask(ctx, editTime, func(ctx context.Context, c *sql.Conn) error {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after the commit
		have, err := read(ctx, tx, mostRows, (*Row).fields, selectRows)
		if err != nil {
			return err
		}
		made = editFor(have, rows)
		if err := made.write(ctx, tx, t.from.dialect); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		return Changes{}, err
	}
	return made.changes(), nil
}

// wellFormed says what is wrong with rows that are to be written.
func wellFormed(rows []Row) error {
	var found Faults
	seen := map[[2]string]bool{}
	for _, r := range rows {
		found = append(found, r.Faults()...)
		key := [2]string{r.Group, r.Extension}
		if seen[key] {
			found = append(found, Fault{Text: fmt.Sprintf("%s is in group %s twice", r.Extension, r.Group)})
		}
		seen[key] = true
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

// An edit is what must be written so that a table has some rows.
type edit struct {
	add, change []Row
	unchanged   int
}

// editFor compares what a table has with what it is to have.
func editFor(have, want []Row) edit {
	before := map[[2]string]Member{}
	for _, r := range once(slices.Clone(have)) {
		before[[2]string{r.Group, r.Extension}] = r.Member
	}
	var e edit
	for _, r := range want {
		switch m, there := before[[2]string{r.Group, r.Extension}]; {
		case !there:
			e.add = append(e.add, r)
		case m != r.Member:
			e.change = append(e.change, r)
		default:
			e.unchanged++
		}
	}
	return e
}

func (e edit) changes() Changes {
	return Changes{Added: len(e.add), Changed: len(e.change), Unchanged: e.unchanged}
}

// write does it.
func (e edit) write(ctx context.Context, tx *sql.Tx, d *dialect) error {
	err := each(ctx, tx, d.statement(updateRow), e.change, func(change *sql.Stmt, r Row) error {
		result, err := change.ExecContext(ctx, r.Name, r.Description, r.Group, r.Extension)
		if err != nil {
			return fmt.Errorf("changing %s in group %s: %w", r.Extension, r.Group, err)
		}
		// Two people edit at the same time, or the database compares otherwise than we do.
		if n, err := result.RowsAffected(); err == nil && n == 0 {
			return fmt.Errorf("changing %s in group %s: it is not there any more", r.Extension, r.Group)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, tx, d.statement(insertRow), e.add, func(add *sql.Stmt, r Row) error {
		if _, err := add.ExecContext(ctx, r.Group, r.Extension, r.Name, r.Description); err != nil {
			return fmt.Errorf("adding %s to group %s: %w", r.Extension, r.Group, err)
		}
		return nil
	})
}

// each has f use a statement for each of the rows.  It is prepared once: else a long import waits three times as
// often for the network.
func each(ctx context.Context, tx *sql.Tx, statement string, rows []Row, f func(*sql.Stmt, Row) error) error {
	if len(rows) == 0 {
		return nil
	}
	prepared, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer prepared.Close()
	for _, r := range rows {
		if err := f(prepared, r); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes rows.
func (t *table) Remove(ctx context.Context, group, extension string) (int, error) {
	if t.query != "" {
		return 0, errQuery
	}
	if !canBeKey(group) || !canBeKey(extension) {
		return 0, nil
	}
	var count int64
	err := t.ask(ctx, editTime, func(ctx context.Context, c *sql.Conn) error {
		statement, args := deleteGroup, []any{group}
		if extension != "" {
			statement, args = deleteRow, []any{group, extension}
		}
		result, err := c.ExecContext(ctx, t.from.dialect.statement(statement), args...)
		if err != nil {
			return err
		}
		count, err = result.RowsAffected()
		return err
	})
	return int(count), err
}
