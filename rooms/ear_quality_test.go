package rooms

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest/quality"
)

// asked is what machines and people say, in two languages, by several voices.
var asked = []struct {
	voices string
	said   []string
}{
	{"en-us en-us+f3 en-gb+m3", []string{
		"Please enter your conference number, followed by the pound key.",
		"Please enter your PIN, followed by the pound key.",
		"Welcome to the conferencing center. Please enter a conference ID followed by pound.",
		"Please enter the pin number for this conference.",
		"You have reached the conference bridge. Enter your access code now.",
		"That is not a valid conference number. Please try again.",
		"You are the only person in this conference.",
		"Thank you. You are now entering the conference.",
		"The conference has not begun yet. Please wait for the host to arrive.",
		"Please say your name after the tone, and then press the pound key.",
		"To join the meeting as a participant press one. To start it as the host press two.",
		"I am sorry, I did not get that.",
		"Good morning everybody, shall we begin with the numbers of last week? We sold twelve more than in the week before.",
		"Please hold while I try to connect you. All of our operators are busy at the moment.",
	}},
	{"ru ru+f2", []string{
		"Введите номер конференции и нажмите решётку.",
		"Введите пин-код и нажмите решётку.",
		"Пожалуйста, введите код доступа.",
		"Вы вошли в конференцию. Сейчас в конференции три участника.",
		"Неверный номер конференции. Попробуйте ещё раз.",
		"Оставайтесь на линии, организатор ещё не подключился.",
		"Добрый день, коллеги. Начинаем совещание. Прошу всех представиться по очереди.",
	}},
}

// network is what becomes of packets on their way.
type network struct {
	name string
	lost float64 // share
	late int     // one in ten comes up to so many ticks late
}

// overhearing is a leg with an ear.
type overhearing struct {
	network
	random *rand.Rand
	leg    *media.Leg
	wire   *wire
	ear    ear
	tick   int
	late   map[int][][]byte
}

func overhear(n network, seed uint64) *overhearing {
	w := &wire{local: netip.MustParseAddrPort("127.0.0.1:20000"), from: netip.MustParseAddrPort("127.0.0.2:20000")}
	o := &overhearing{network: n, random: rand.New(rand.NewPCG(seed, 3)), leg: media.NewLeg(media.LegConfig{}, w), wire: w, late: make(map[int][][]byte)}
	o.leg.Update(media.Session{Remote: w.from, Codec: codec.PCMA, PayloadType: 8, EventType: 101})
	o.ear.listen(ForQuestion)
	return o
}

// hears plays sound, and returns in which ticks it was told, counted from 1, that it was spoken, that the question has come again, and
// that it has not; 0: it was not told.
func (o *overhearing) hears(sounds ...[]int16) (spoken, again, on int) {
	pcm := slices.Concat(sounds...)
	for i := range len(pcm) / 160 {
		o.send(pcm[i*160:][:160])
		o.leg.Pull(int64(o.tick) * 20_000_000)
		level := silence
		if o.leg.Heard() {
			level = o.leg.Level()
		}
		told := o.ear.frame(level)
		for bit, at := range []*int{&spoken, &again, &on} {
			if told&(1<<bit) != 0 && *at == 0 {
				*at = i + 1
			}
		}
	}
	return spoken, again, on
}

// send sends a packet over the network.
func (o *overhearing) send(frame []int16) {
	o.tick++
	payload := make([]byte, 160)
	codec.PCMA.Encode(payload, frame)
	b := binary.BigEndian.AppendUint16([]byte{0x80, 8}, uint16(o.tick))
	b = binary.BigEndian.AppendUint32(b, uint32(160*o.tick))
	b = append(binary.BigEndian.AppendUint32(b, 0x5eed), payload...)
	due := o.tick
	if o.network.late > 0 && o.random.IntN(10) == 0 {
		due += o.random.IntN(o.network.late + 1)
	}
	if o.random.Float64() >= o.lost {
		o.late[due] = append(o.late[due], b)
	}
	o.wire.incoming = append(o.wire.incoming, o.late[o.tick]...)
	delete(o.late, o.tick)
}

// rest is silence, some samples longer than that, so that frames begin anywhere in what comes then.
func (o *overhearing) rest(seconds float64) []int16 {
	return make([]int16, int(seconds*8000)+o.random.IntN(160))
}

// recall is what became of questions.
type recall struct {
	asked, again, late int       // questions that came again, of them known, and of them when the room was open already
	others, mistaken   int       // that were something else, and of them taken for the question
	seconds            float64   // of people who talk
	alarms             int       // in them
	waited             []float64 // s, until it was certain of something else that it is none
}

func (r *recall) row(name string) string {
	slices.Sort(r.waited)
	return fmt.Sprintf("| %s | %d of %d | %d | %d of %d | %d in %.0f min | %.1f s, %.1f s |\n", name, r.again, r.asked, r.late, r.mistaken, r.others,
		r.alarms, r.seconds/60, r.waited[len(r.waited)/2], r.waited[len(r.waited)-1])
}

// take has each of the recordings asked, and after it asked again, and another one said, so many of them.
func (r *recall) take(n network, said [][]int16, others int) {
	for i, question := range said {
		asks := func(seed int) *overhearing {
			o := overhear(n, uint64(1000*i+seed))
			o.hears(o.rest(0.3), question, o.rest(2))
			o.ear.listen(ForAnswer)
			return o
		}
		o := asks(0)
		if o.ear.Questions[0].length() == 0 {
			continue // too short, or it has no envelope
		}
		r.asked++
		if _, again, on := o.hears(o.rest(0.7), question, o.rest(2.5)); again > 0 {
			if r.again++; on > 0 && on < again {
				r.late++
			}
		}
		for k := 1; k <= others && k < len(said); k++ {
			o := asks(k)
			o.hears(o.rest(0.7))
			r.others++
			_, again, on := o.hears(said[(i+k)%len(said)], o.rest(2.5))
			if again > 0 {
				r.mistaken++
			}
			r.waited = append(r.waited, float64(on)/50)
		}
	}
}

// talks has people talk after a question, for as long as it takes.
func (r *recall) talks(n network, question []int16, talk []int16) {
	o := overhear(n, 7)
	o.hears(o.rest(0.3), question, o.rest(2))
	o.ear.listen(ForAnswer)
	for len(talk) >= 160*50 {
		if _, again, _ := o.hears(talk[:160*50]); again > 0 {
			r.alarms++
			o.ear.listen(ForAnswer)
		}
		r.seconds++
		talk = talk[160*50:]
	}
}

// A machine that asks its question once more is noticed, and nothing else is taken for that: other prompts of the same voice, people who
// talk. The table is that of docs/quality.md; QUALITY=1 writes it there.
func TestE2EQuestionIsKnownAgain(t *testing.T) {
	const north = "The north wind and the sun were disputing which was the stronger, when a traveler came along wrapped in a warm cloak. They agreed that the one who first succeeded in making the traveler take his cloak off should be considered stronger than the other. "
	var table strings.Builder
	speech := make(map[string][][]int16)
	var voices []string
	for _, a := range asked {
		for _, voice := range strings.Fields(a.voices) {
			voices = append(voices, voice)
			for _, said := range a.said {
				speech[voice] = append(speech[voice], quality.Speech(t, voice, said))
			}
		}
	}
	talk := quality.Speech(t, "en-us", strings.Repeat(north, 4))
	for _, n := range []network{{"as it was sent", 0, 0}, {"1 % lost", 0.01, 0}, {"1 % lost, a tenth up to 20 ms late", 0.01, 1}, {"3 % lost, a tenth up to 60 ms late", 0.03, 3}} {
		var r recall
		for _, voice := range voices {
			r.take(n, speech[voice], len(speech[voice]))
			if strings.HasPrefix(voice, "en-us") {
				for _, question := range speech[voice] {
					r.talks(n, question, talk)
				}
			}
		}
		table.WriteString(r.row(n.name))
		least := 0.99
		if n.late > 1 {
			least = 0.9
		}
		if float64(r.again) < least*float64(r.asked) || float64(r.mistaken) > 0.01*float64(r.others) || r.alarms > 0 {
			t.Errorf("%s: want %.0f %% known again, at most 1 %% of the others, and no alarm", n.name, 100*least)
		}
	}
	t.Logf("\n%s", table.String())
	if os.Getenv("QUALITY") != "" {
		quality.WriteTable(t, "../docs/quality.md", "questions", table.String())
	}
}

// Music, noise and tones are no question that was asked, and when one of them is what came first, there is no question.
func TestNothingElseIsTheQuestion(t *testing.T) {
	question := quality.Speech(t, "en-us", asked[0].said[0])
	r := rand.New(rand.NewPCG(1, 2))
	for name, sample := range map[string]func(i int) float64{
		"noise":     func(int) float64 { return 3000 * r.NormFloat64() / 2 },
		"dial tone": func(i int) float64 { return 5000 * math.Sin(2*math.Pi*425*float64(i)/8000) },
		"busy": func(i int) float64 {
			return 5000 * math.Sin(2*math.Pi*425*float64(i)/8000) * float64(1-i/2800%2)
		},
		"a tune": func(i int) float64 { // a note every 0.3 s, each with its overtone, that dies away
			note := []float64{262, 330, 392, 523, 440, 349, 294, 392}[i/2400*5%8]
			at := float64(i%2400) / 8000
			return 9000 * math.Exp(-5*at) * (math.Sin(2*math.Pi*note*at) + 0.4*math.Sin(4*math.Pi*note*at))
		},
	} {
		sound := make([]int16, 60*8000)
		for i := range sound {
			sound[i] = int16(max(-32768, min(32767, sample(i))))
		}
		var calls recall
		calls.talks(network{lost: 0.01, late: 1}, question, sound)
		if calls.alarms > 0 {
			t.Errorf("%s was taken %d times for the question", name, calls.alarms)
		}
		o := overhear(network{}, 1)
		o.hears(o.rest(0.3), sound[:3*8000], o.rest(2))
		o.ear.listen(ForAnswer)
		if _, again, on := o.hears(o.rest(0.5), question, o.rest(2)); again > 0 || on == 0 {
			t.Errorf("after %s: asked again in tick %d, gone on in tick %d", name, again, on)
		}
	}
}

// TestQuestionsOfOthers judges recordings: the WAV files of 8 kHz, 16 bit in the folder that VOICES names, each 1.3 s long at least. The rows are those of
// docs/quality.md.
func TestQuestionsOfOthers(t *testing.T) {
	names, _ := filepath.Glob(filepath.Join(os.Getenv("VOICES"), "*.wav"))
	if os.Getenv("VOICES") == "" || len(names) == 0 {
		t.Skip("VOICES names no folder with recordings")
	}
	var said [][]int16
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, (len(b)-44)/2)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
		}
		if len(pcm) > 10400 {
			said = append(said, pcm)
		}
	}
	n := network{"", 0.01, 1}
	var r recall
	r.take(n, said, 60)
	for i := 0; i < len(said); i += 5 {
		others := slices.Concat(slices.Concat(said[:i]...), slices.Concat(said[i+1:]...))
		r.talks(n, said[i], others)
	}
	fmt.Print(r.row(fmt.Sprintf("%d recordings", len(said))))
}
