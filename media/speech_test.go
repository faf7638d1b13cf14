package media

// said is what the speech of these tests says: all sounds of the two languages, some pauses, three voices.
var said = []struct{ voice, text string }{
	{"en-us", "The conference begins at half past nine. Please say your name, and press the pound key. When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow."},
	{"en-us+f3", "She had your dark suit in greasy wash water all year. A large size in stockings is hard to sell. Five zero three four, thank you."},
	{"ru", "Добрый день, коллеги. Начинаем совещание. Прошу всех представиться по очереди. Съешь же ещё этих мягких французских булок, да выпей чаю."},
}
