package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
)

// chart is one plot: lines with points over two axes, or groups of bars over names. The zero value is an empty one. Plain data.
type chart struct {
	title  string
	x, y   axis
	names  []string // of the groups of bars; nil: lines
	series []series // six at most have a colour of their own
	limits []limit
}

// series is one line or one colour of bars; bars that are not there are NaN.
type series struct {
	name  string
	at    []point
	plain bool // no marks at the points
	hue   int  // which of the colours and marks: one contender has the same in all plots
}

type point struct{ x, y float64 }

// limit is a level with a name.
type limit struct {
	name string
	y    float64
}

// The picture, in pixels: the plot lies within it, and the legend beneath.
const (
	wide, high          = 720, 400
	left, right, top    = 66, 700, 40
	bottom              = 300
	firstLegend, onLine = 362, 3
)

// style is readable by day and by night: the picture has a ground of its own, because the page's colours are not known to it.
const style = `<style>
.ground{fill:#fff} text{font:12px sans-serif;fill:#24292f} .title{font-weight:bold;font-size:14px}
.grid{stroke:#d0d7de;stroke-width:1} .limit{stroke:#cf222e;stroke-width:1.5;stroke-dasharray:6 4} .limited{fill:#cf222e}
.line{fill:none;stroke-width:2} .s0{stroke:#0969da} .s1{stroke:#57606a} .s2{stroke:#bc4c00} .s3{stroke:#1a7f37} .s4{stroke:#8250df} .s5{stroke:#9a6700}
.f0{fill:#0969da} .f1{fill:#57606a} .f2{fill:#bc4c00} .f3{fill:#1a7f37} .f4{fill:#8250df} .f5{fill:#9a6700}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117} text{fill:#e6edf3} .grid{stroke:#30363d} .limit{stroke:#ff7b72} .limited{fill:#ff7b72}
.s0{stroke:#58a6ff} .s1{stroke:#9ea7b3} .s2{stroke:#ffa657} .s3{stroke:#56d364} .s4{stroke:#d2a8ff} .s5{stroke:#e3b341}
.f0{fill:#58a6ff} .f1{fill:#9ea7b3} .f2{fill:#ffa657} .f3{fill:#56d364} .f4{fill:#d2a8ff} .f5{fill:#e3b341}}
</style>
`

// svg draws the chart.
func (c *chart) svg() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", wide, high, html.EscapeString(c.title))
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d"/>`+"\n", wide, high)
	write(&b, "title", left, 24, "start", c.title)
	c.axes(&b)
	for _, l := range c.limits {
		y := c.down(l.y)
		fmt.Fprintf(&b, `<line class="limit" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", left, y, right, y)
		write(&b, "limited", right-4, y-5, "end", l.name)
	}
	for i, s := range c.series {
		if c.names != nil {
			c.bars(&b, i, s)
		} else {
			c.line(&b, s)
		}
		x, y := float64(left+i%onLine*215), float64(firstLegend+i/onLine*20)
		mark(&b, s.hue, x+5, y-4)
		write(&b, "", x+16, y, "start", s.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func write(b *bytes.Buffer, class string, x, y float64, anchor, text string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(b, `<text%s x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, html.EscapeString(text))
}

// mark is a point in the colour and the shape of a series, for those who see no colours.
func mark(b *bytes.Buffer, i int, x, y float64) {
	switch i % 3 {
	case 0:
		fmt.Fprintf(b, `<circle class="f%d" cx="%.1f" cy="%.1f" r="4"/>`+"\n", i%6, x, y)
	case 1:
		fmt.Fprintf(b, `<rect class="f%d" x="%.1f" y="%.1f" width="7" height="7"/>`+"\n", i%6, x-3.5, y-3.5)
	default:
		fmt.Fprintf(b, `<path class="f%d" d="M%.1f %.1fl5 8h-10z"/>`+"\n", i%6, x, y-5)
	}
}

// axes draws the grid, the numbers and the names of both.
func (c *chart) axes(b *bytes.Buffer) {
	for _, v := range c.y.ticks() {
		y := c.down(v)
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", left, y, right, y)
		write(b, "", left-6, y+4, "end", c.y.label(v))
	}
	for _, v := range c.x.ticks() {
		if c.names != nil {
			break
		}
		x := c.along(v)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", x, top, x, bottom)
		write(b, "", x, bottom+17, "middle", c.x.label(v))
	}
	for i, name := range c.names {
		x := left + (float64(i)+0.5)*c.group()
		for line, part := range strings.Split(name, ", ") {
			write(b, "", x, bottom+16+14*float64(line), "middle", part)
		}
	}
	write(b, "", (left+right)/2, bottom+38, "middle", c.x.name)
	fmt.Fprintf(b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+bottom)/2, html.EscapeString(c.y.name))
}

// line draws a series; what lies outside of the axes is drawn at their ends.
func (c *chart) line(b *bytes.Buffer, s series) {
	var path strings.Builder
	for j, p := range s.at {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], c.along(p.x), c.down(p.y))
	}
	fmt.Fprintf(b, `<path class="line s%d" d="%s"/>`+"\n", s.hue%6, path.String())
	for _, p := range s.at {
		if !s.plain {
			mark(b, s.hue, c.along(p.x), c.down(p.y))
		}
	}
}

// bars draws a series; its i-th point is that of the i-th group.
func (c *chart) bars(b *bytes.Buffer, i int, s series) {
	width := 0.8 * c.group() / float64(len(c.series))
	for j, p := range s.at {
		if math.IsNaN(p.y) {
			continue
		}
		x, y := left+(float64(j)+0.1)*c.group()+float64(i)*width, c.down(p.y)
		fmt.Fprintf(b, `<rect class="f%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", s.hue%6, x, y, width, bottom-y)
		write(b, "", x+width/2, y-4, "middle", c.y.brief(p.y))
	}
}

// group is the width of one group of bars.
func (c *chart) group() float64 { return float64(right-left) / float64(len(c.names)) }

func (c *chart) along(v float64) float64 { return left + c.x.part(v)*(right-left) }

func (c *chart) down(v float64) float64 { return bottom - c.y.part(v)*(bottom-top) }
