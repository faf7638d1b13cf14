package prompts

import "testing"

// Every number says the right words and the right form of "participant".
func TestCountsAreGrammatical(t *testing.T) {
	for _, tt := range []struct {
		n      int
		en, ru string
	}{
		{-1, "zero participants", "ноль участников"},
		{0, "zero participants", "ноль участников"},
		{1, "one participant", "один участник"},
		{2, "two participants", "два участника"},
		{4, "four participants", "четыре участника"},
		{5, "five participants", "пять участников"},
		{10, "ten participants", "десять участников"},
		{11, "eleven participants", "одиннадцать участников"},
		{12, "twelve participants", "двенадцать участников"},
		{14, "fourteen participants", "четырнадцать участников"},
		{19, "nineteen participants", "девятнадцать участников"},
		{20, "twenty participants", "двадцать участников"},
		{21, "twenty one participants", "двадцать один участник"},
		{22, "twenty two participants", "двадцать два участника"},
		{40, "forty participants", "сорок участников"},
		{99, "ninety nine participants", "девяносто девять участников"},
		{100, "one hundred participants", "сто участников"},
		{101, "one hundred one participants", "сто один участник"},
		{111, "one hundred eleven participants", "сто одиннадцать участников"},
		{120, "one hundred twenty participants", "сто двадцать участников"},
		{213, "two hundred thirteen participants", "двести тринадцать участников"},
		{324, "three hundred twenty four participants", "триста двадцать четыре участника"},
		{999, "nine hundred ninety nine participants", "девятьсот девяносто девять участников"},
		{1000, "one zero zero zero participants", "один ноль ноль ноль участников"},
		{2001, "two zero zero one participants", "два ноль ноль один участник"},
	} {
		for lang, want := range map[string]string{English: tt.en, Russian: tt.ru} {
			if got := spelt(lang, Participants(tt.n)); got != want {
				t.Errorf("%d: %q, want %q", tt.n, got, want)
			}
		}
	}
}

// Every number up to 999 is said, and no two in the same way.
func TestNumbersAreToldApart(t *testing.T) {
	for _, lang := range Languages() {
		said := map[string]int{}
		for n := range 1000 {
			words := spelt(lang, Number(n))
			if other, ok := said[words]; ok || words == "" {
				t.Fatalf("%s: %d and %d are both %q", lang, n, other, words)
			}
			said[words] = n
		}
	}
}

func TestPhrases(t *testing.T) {
	for _, tt := range []struct {
		name   string
		said   Phrase
		en, ru string
	}{
		{"alone", Here(1), "You are alone here", "Здесь только вы"},
		{"three", Here(3), "In the conference three participants", "В конференции три участника"},
		{"nobody", Here(0), "In the conference zero participants", "В конференции ноль участников"},
		{"one joins", Joined("5234"), "five two three four has joined", "пять два три четыре подключился"},
		{"a nameless one", Joined("anonymous"), "Someone has joined", "Подключился участник"},
		{"three join", Joined("1", "2", ""), "Participants joined three", "Подключилось участников три"},
		{"nobody joins", Joined(), "", ""},
		{"one leaves", Left("7"), "seven has left", "семь отключился"},
		{"a nameless one leaves", Left(""), "Someone has left", "Отключился участник"},
		{"21 leave", Left(make([]string, 21)...), "Participants left twenty one", "Отключилось участников двадцать один"},
		{"invited by", Invitation("52", "34"), "You are invited by three four to conference five two", "Вас приглашает три четыре в конференцию пять два"},
		{"invited", Invitation("52", "bob"), "You are invited to conference five two", "Вас приглашают в конференцию пять два"},
		{"aside", AsideWith("5"), "You are alone with five", "Вас слышит только пять"},
		{"aside with a name", AsideWith("bob"), "", ""},
		{"a group is called", CallingGroup(22), "Calling twenty two participants", "Идёт вызов двадцать два участника"},
		{"everybody", GroupResult(7, 7, nil), "Everyone is here", "Все на месте"},
		{"an empty group", GroupResult(0, 0, nil), "The group is empty", "Группа пуста"},
		{"five of seven", GroupResult(5, 7, []Absent{{"41", Busy}, {"bob", NoAnswer}, {"42", ""}}),
			"Present five of seven Missing four one Busy four two", "На месте пять всего семь Отсутствуют четыре один Занято четыре два"},
		{"five of seven without numbers", GroupResult(5, 7, []Absent{{"bob", Busy}}), "Present five of seven", "На месте пять всего семь"},
		{"help", Help([]Key{{"*1", MenuInvite}, {"*#", MenuDrop}}),
			"star one invite somebody star pound drop the last invited",
			"звёздочка один пригласить участника звёздочка решётка отключить последнего приглашённого"},
		{"an outcome", Phrase{Digits("41"), NoAnswer}, "four one No answer", "четыре один Не отвечает"},
	} {
		for lang, want := range map[string]string{English: tt.en, Russian: tt.ru} {
			if got := spelt(lang, tt.said); got != want {
				t.Errorf("%s: %q, want %q", tt.name, got, want)
			}
		}
	}
}

// The menu of the issue, all ten keys of it, is read in a time for which one listens.
func TestHelpIsShortEnough(t *testing.T) {
	s := shippedSet(t)
	menu := Help([]Key{{"*1", MenuInvite}, {"*2", MenuMute}, {"*3", MenuCount}, {"*4", MenuHearSofter}, {"*5", MenuHearLouder},
		{"*6", MenuConsult}, {"*7", MenuTalkSofter}, {"*8", MenuTalkLouder}, {"*9", MenuLock}, {"*0", MenuHelp}, {"*#", MenuDrop}})
	for _, lang := range Languages() {
		if seconds := len(s.Say(lang, menu)) / 50; seconds < 20 || seconds > 45 {
			t.Errorf("%s: %d s", lang, seconds)
		}
	}
}
