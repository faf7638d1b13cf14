package media

type reporter struct{}

func startReporter(e *Engine) *reporter { return &reporter{} }
func (r *reporter) close()              {}

type control struct{ conn Conn }
