// Package sipconf holds no code: the program is cmd/sipconf. Its test keeps
// the tree's imports as docs/architecture.md draws them.
package sipconf
