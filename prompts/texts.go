package prompts

import "iter"

// Name is the name of a prompt, and of its file without ".wav". It is a [Part] that says it.
type Name string

// The prompts, by what they are for; what each says is in the table below. Where "before" or "after" is said, the text
// is a piece of a sentence.
const (
	// Inviting and dialling: to the inviter alone.
	DialNow     Name = "dial-now"
	Calling     Name = "calling" // before digits or participants
	WrongNumber Name = "wrong-number"
	NotAllowed  Name = "not-allowed"
	CallLimit   Name = "call-limit"
	NoLine      Name = "no-line"
	Cancelled   Name = "cancelled"
	Consult     Name = "consult"

	// What became of a call: alone, or after the digits of the number.
	Ringing     Name = "ringing"
	Busy        Name = "busy"
	Declined    Name = "declined"
	NoAnswer    Name = "no-answer"
	NoAccept    Name = "no-accept"
	Unreachable Name = "unreachable"
	Failed      Name = "failed"
	AlreadyIn   Name = "already-in"
	AlreadyRung Name = "already-rung"
	Dropped     Name = "dropped"

	// To the invited.
	Invited      Name = "invited"       // before the digits of the room
	InvitedBy    Name = "invited-by"    // before the digits of the inviter
	ToConference Name = "to-conference" // before the digits of the room, after the inviter
	PressOne     Name = "press-1"
	Goodbye      Name = "goodbye"

	// About oneself.
	YouAreIn      Name = "you-are-in"
	Muted         Name = "muted"
	Unmuted       Name = "unmuted"
	MutedByHost   Name = "muted-by-host"
	Louder        Name = "louder"
	Softer        Name = "softer"
	Loudest       Name = "loudest"
	Softest       Name = "softest"
	AloneWith     Name = "alone-with" // before digits
	NobodyToDrop  Name = "nobody-to-drop"
	NobodyInvited Name = "nobody-invited"
	Removed       Name = "removed"

	// About the room.
	Alone         Name = "alone"
	InConference  Name = "in-conference" // before participants
	HasJoined     Name = "has-joined"    // after digits
	HasLeft       Name = "has-left"      // after digits
	SomeoneJoined Name = "someone-joined"
	SomeoneLeft   Name = "someone-left"
	ManyJoined    Name = "many-joined" // before a number
	ManyLeft      Name = "many-left"   // before a number
	Locked        Name = "locked"
	Unlocked      Name = "unlocked"
	RoomLocked    Name = "room-locked"
	Full          Name = "full"
	AllMuted      Name = "all-muted"
	AllUnmuted    Name = "all-unmuted"
	RecordingOn   Name = "recording-on"
	RecordingOff  Name = "recording-off"
	NoRecording   Name = "no-recording"
	Ended         Name = "ended"

	// Group calls.
	Present              Name = "present" // before a number
	Of                   Name = "of"      // between two numbers: how many there are in all
	Missing              Name = "missing" // before the digits of those who are not here
	AllHere              Name = "all-here"
	UnknownGroup         Name = "unknown-group"
	EmptyGroup           Name = "empty-group"
	DirectoryUnavailable Name = "directory-unavailable"

	// Links: the permanent external participant.
	LineConnected Name = "line-connected"
	LineLost      Name = "line-lost"

	// Help: what a key does, after the keys.
	MenuInvite     Name = "menu-invite"
	MenuMute       Name = "menu-mute"
	MenuCount      Name = "menu-count"
	MenuHearSofter Name = "menu-hear-softer"
	MenuHearLouder Name = "menu-hear-louder"
	MenuTalkSofter Name = "menu-talk-softer"
	MenuTalkLouder Name = "menu-talk-louder"
	MenuConsult    Name = "menu-consult"
	MenuLock       Name = "menu-lock"
	MenuHelp       Name = "menu-help"
	MenuDrop       Name = "menu-drop"
	MenuResult     Name = "menu-result"
	MenuMissing    Name = "menu-missing"
	MenuMuteAll    Name = "menu-mute-all"
	MenuRemoveLast Name = "menu-remove-last"
	MenuRecord     Name = "menu-record"

	// Said by Digits, Number and Participants, as are the names "0" to "20", "30" to "90" and "100" to "900".
	star            Name = "star"
	pound           Name = "pound"
	plus            Name = "plus"
	participantOne  Name = "participant-one"
	participantFew  Name = "participant-few"
	participantMany Name = "participant-many"
)

// text is what a prompt says. A comma or colon at its end is heard: the voice stays up, for more is to follow.
type text struct {
	name   Name
	en, ru string
}

var texts = []text{
	{DialNow, "Dial the number, then pound.", "Наберите номер и решётку."},
	{Calling, "Calling,", "Идёт вызов:"},
	{WrongNumber, "Wrong number.", "Неверный номер."},
	{NotAllowed, "This number is not allowed.", "Этот номер запрещён."},
	{CallLimit, "Call limit reached.", "Предел вызовов достигнут."},
	{NoLine, "All lines are in use.", "Все линии заняты."},
	{Cancelled, "Cancelled.", "Отменено."},
	{Consult, "Star to let them in, pound to hang up.", "Звёздочка — впустить, решётка — отбой."},

	{Ringing, "Still ringing.", "Вызов идёт."},
	{Busy, "Busy.", "Занято."},
	{Declined, "Declined.", "Вызов отклонён."},
	{NoAnswer, "No answer.", "Не отвечает."},
	{NoAccept, "Not accepted.", "Приглашение не принято."},
	{Unreachable, "Cannot be reached.", "Абонент недоступен."},
	{Failed, "The call failed.", "Вызов не удался."},
	{AlreadyIn, "Already in the conference.", "Уже в конференции."},
	{AlreadyRung, "Already being called.", "Уже вызывается."},
	{Dropped, "Disconnected.", "Отключён."},

	{Invited, "You are invited to conference,", "Вас приглашают в конференцию,"},
	{InvitedBy, "You are invited by,", "Вас приглашает,"},
	{ToConference, "to conference,", "в конференцию,"},
	{PressOne, "To join, press one.", "Чтобы войти, нажмите один."},
	{Goodbye, "Goodbye.", "До свидания."},

	{YouAreIn, "You are in the conference.", "Вы в конференции."},
	{Muted, "You are muted.", "Микрофон выключен."},
	{Unmuted, "You are unmuted.", "Микрофон включён."},
	{MutedByHost, "The host has muted you.", "Ведущий выключил ваш микрофон."},
	{Louder, "Louder.", "Громче."},
	{Softer, "Softer.", "Тише."},
	{Loudest, "Loudest.", "Громче нельзя."},
	{Softest, "Softest.", "Тише нельзя."},
	{AloneWith, "You are alone with,", "Вас слышит только,"},
	{NobodyToDrop, "Nobody to disconnect.", "Отключать некого."},
	{NobodyInvited, "You invited nobody.", "Вы никого не пригласили."},
	{Removed, "You have been removed.", "Вас удалили из конференции."},

	{Alone, "You are alone here.", "Здесь только вы."},
	{InConference, "In the conference:", "В конференции:"},
	{HasJoined, "has joined.", "подключился."},
	{HasLeft, "has left.", "отключился."},
	{SomeoneJoined, "Someone has joined.", "Подключился участник."},
	{SomeoneLeft, "Someone has left.", "Отключился участник."},
	{ManyJoined, "Participants joined:", "Подключилось участников:"},
	{ManyLeft, "Participants left:", "Отключилось участников:"},
	{Locked, "The conference is locked.", "Конференция закрыта."},
	{Unlocked, "The conference is open.", "Конференция открыта."},
	{RoomLocked, "This conference is locked.", "Вход закрыт."},
	{Full, "The conference is full.", "Свободных мест нет."},
	{AllMuted, "Everyone is muted.", "Все микрофоны выключены."},
	{AllUnmuted, "Everyone is unmuted.", "Все микрофоны включены."},
	{RecordingOn, "Recording is on.", "Запись включена."},
	{RecordingOff, "Recording is off.", "Запись выключена."},
	{NoRecording, "Recording is not possible.", "Запись невозможна."},
	{Ended, "The conference is over.", "Конференция завершена."},

	{Present, "Present:", "На месте:"},
	{Of, "of,", "всего:"},
	{Missing, "Missing:", "Отсутствуют:"},
	{AllHere, "Everyone is here.", "Все на месте."},
	{UnknownGroup, "No such group.", "Такой группы нет."},
	{EmptyGroup, "The group is empty.", "Группа пуста."},
	{DirectoryUnavailable, "The directory is unavailable.", "Справочник недоступен."},

	{LineConnected, "External line connected.", "Внешняя линия подключена."},
	{LineLost, "External line lost, redialling.", "Внешняя линия отключилась, набираем снова."},

	{MenuInvite, "invite somebody.", "пригласить участника."},
	{MenuMute, "mute or unmute yourself.", "микрофон."},
	{MenuCount, "hear who is here.", "узнать, кто здесь."},
	{MenuHearSofter, "hear others softer.", "слышать других тише."},
	{MenuHearLouder, "hear others louder.", "слышать других громче."},
	{MenuTalkSofter, "be heard softer.", "говорить тише."},
	{MenuTalkLouder, "be heard louder.", "говорить громче."},
	{MenuConsult, "talk alone with the last invited.", "отойти с последним приглашённым."},
	{MenuLock, "lock or open the conference.", "закрыть или открыть вход."},
	{MenuHelp, "this help.", "эта справка."},
	{MenuDrop, "drop the last invited.", "отключить последнего приглашённого."},
	{MenuResult, "hear who is missing.", "узнать, кого нет."},
	{MenuMissing, "call the missing.", "вызвать отсутствующих."},
	{MenuMuteAll, "mute or unmute everyone.", "все микрофоны."},
	{MenuRemoveLast, "remove the last who joined.", "удалить последнего вошедшего."},
	{MenuRecord, "start or stop recording.", "запись."},

	{star, "star,", "звёздочка,"},
	{pound, "pound,", "решётка,"},
	{plus, "plus,", "плюс,"},
	{participantOne, "participant.", "участник."},
	{participantFew, "participants.", "участника."},
	{participantMany, "participants.", "участников."},

	{"0", "zero,", "ноль,"},
	{"1", "one,", "один,"},
	{"2", "two,", "два,"},
	{"3", "three,", "три,"},
	{"4", "four,", "четыре,"},
	{"5", "five,", "пять,"},
	{"6", "six,", "шесть,"},
	{"7", "seven,", "семь,"},
	{"8", "eight,", "восемь,"},
	{"9", "nine,", "девять,"},
	{"10", "ten,", "десять,"},
	{"11", "eleven,", "одиннадцать,"},
	{"12", "twelve,", "двенадцать,"},
	{"13", "thirteen,", "тринадцать,"},
	{"14", "fourteen,", "четырнадцать,"},
	{"15", "fifteen,", "пятнадцать,"},
	{"16", "sixteen,", "шестнадцать,"},
	{"17", "seventeen,", "семнадцать,"},
	{"18", "eighteen,", "восемнадцать,"},
	{"19", "nineteen,", "девятнадцать,"},
	{"20", "twenty,", "двадцать,"},
	{"30", "thirty,", "тридцать,"},
	{"40", "forty,", "сорок,"},
	{"50", "fifty,", "пятьдесят,"},
	{"60", "sixty,", "шестьдесят,"},
	{"70", "seventy,", "семьдесят,"},
	{"80", "eighty,", "восемьдесят,"},
	{"90", "ninety,", "девяносто,"},
	{"100", "one hundred,", "сто,"},
	{"200", "two hundred,", "двести,"},
	{"300", "three hundred,", "триста,"},
	{"400", "four hundred,", "четыреста,"},
	{"500", "five hundred,", "пятьсот,"},
	{"600", "six hundred,", "шестьсот,"},
	{"700", "seven hundred,", "семьсот,"},
	{"800", "eight hundred,", "восемьсот,"},
	{"900", "nine hundred,", "девятьсот,"},
}

// Texts is what every prompt says in that language of [Languages], in the order of the documentation. A language that
// is not ours has none.
func Texts(lang string) iter.Seq2[Name, string] {
	return func(yield func(Name, string) bool) {
		for _, t := range texts {
			said, ok := t.in(lang)
			if !ok || !yield(t.name, said) {
				return
			}
		}
	}
}

func (t text) in(lang string) (said string, ok bool) {
	switch lang {
	case English:
		return t.en, true
	case Russian:
		return t.ru, true
	}
	return "", false
}
