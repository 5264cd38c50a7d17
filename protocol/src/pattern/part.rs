//! One part of a pattern, between two slashes.

use super::BadPattern;

/// A compiled part.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(Box<str>),
    /// `?`
    One,
    /// `*`
    Run,
    /// `[…]`, each range with both ends
    List {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `{…,…}`
    Choice(Vec<Box<str>>),
}

impl Part {
    /// Compiles what stands between two slashes.
    ///
    /// # Errors
    ///
    /// [`BadPattern::List`] and [`BadPattern::Choice`] for brackets left open.
    pub fn parse(part: &str) -> Result<Self, BadPattern> {
        let mut tokens = Vec::new();
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let inside = &rest[first.len_utf8()..];
            rest = match first {
                '?' => {
                    tokens.push(Token::One);
                    inside
                }
                '*' => {
                    tokens.push(Token::Run);
                    inside.trim_start_matches('*')
                }
                '[' => {
                    let (list, behind) = inside.split_once(']').ok_or(BadPattern::List)?;
                    tokens.push(parse_list(list));
                    behind
                }
                '{' => {
                    let (choice, behind) = inside.split_once('}').ok_or(BadPattern::Choice)?;
                    tokens.push(Token::Choice(choice.split(',').map(Box::from).collect()));
                    behind
                }
                _ => {
                    let end = rest.find(['?', '*', '[', '{']).unwrap_or(rest.len());
                    let (text, behind) = rest.split_at(end);
                    tokens.push(Token::Text(text.into()));
                    behind
                }
            };
        }
        Ok(Self { tokens })
    }

    /// Whether the part is spelled out and `name` is what it says, or one of what it says.
    pub fn spells(&self, name: &str) -> bool {
        match self.tokens.as_slice() {
            [Token::Text(text)] => **text == *name,
            [Token::Choice(texts)] => texts.iter().any(|text| **text == *name),
            _ => false,
        }
    }

    /// Whether `name`, which holds no slash, matches.
    pub fn matches(&self, name: &str) -> bool {
        match self.tokens.as_slice() {
            [Token::Text(_) | Token::Choice(_)] => self.spells(name),
            [Token::Run] => true,
            tokens => {
                // Names are short. Only one of 256 bytes and more costs an allocation.
                let mut on_stack = [0; 8];
                let mut on_heap = Vec::new();
                let words = Places::words(name);
                let bits = match on_stack.get_mut(..2 * words) {
                    Some(bits) => bits,
                    None => {
                        on_heap.resize(2 * words, 0);
                        &mut on_heap
                    }
                };
                let (now, next) = bits.split_at_mut(words);
                matches_tokens(tokens, name, Places(now), Places(next))
            }
        }
    }
}

fn parse_list(list: &str) -> Token {
    let (negated, mut list) = match list.strip_prefix('!') {
        Some(list) => (true, list),
        None => (false, list),
    };
    let mut ranges = Vec::new();
    let mut chars = list.chars();
    while let Some(low) = chars.next() {
        list = chars.as_str();
        let mut ahead = list.chars();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) => {
                chars = ahead;
                high
            }
            _ => low,
        };
        ranges.push((low, high));
    }
    Token::List { negated, ranges }
}

/// Places in a name, as bits: byte offsets from 0 to its length.
struct Places<'a>(&'a mut [u64]);

impl Places<'_> {
    fn words(name: &str) -> usize {
        name.len() / 64 + 1
    }

    fn insert(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn contains(&self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(64 * index + bit)
            })
        })
    }
}

/// Takes the set of all places that the tokens so far may have reached from token to token, so
/// nothing is ever tried twice. `now` and `next` come in empty.
fn matches_tokens<'a>(tokens: &[Token], name: &str, mut now: Places<'a>, mut next: Places<'a>) -> bool {
    now.insert(0);
    for token in tokens {
        next.0.fill(0);
        match token {
            Token::Run => {
                if let Some(first) = now.iter().next() {
                    (first..=name.len()).for_each(|place| next.insert(place));
                }
            }
            _ => {
                for place in now.iter() {
                    step(token, name, place, &mut next);
                }
            }
        }
        if next.0.iter().all(|&word| word == 0) {
            return false;
        }
        std::mem::swap(&mut now, &mut next);
    }
    now.contains(name.len())
}

/// Adds the places that one token other than `*` reaches from `place`.
fn step(token: &Token, name: &str, place: usize, next: &mut Places<'_>) {
    // A run also reaches the inside of a character, where nothing matches.
    let Some(rest) = name.get(place..) else {
        return;
    };
    match token {
        Token::Run => {}
        Token::Text(text) => {
            if rest.starts_with(&**text) {
                next.insert(place + text.len());
            }
        }
        Token::Choice(texts) => {
            for text in texts {
                if rest.starts_with(&**text) {
                    next.insert(place + text.len());
                }
            }
        }
        Token::One | Token::List { .. } => {
            if let Some(char) = rest.chars().next()
                && token.takes(char)
            {
                next.insert(place + char.len_utf8());
            }
        }
    }
}

impl Token {
    /// Whether the token matches this one character.
    fn takes(&self, char: char) -> bool {
        match self {
            Self::One => true,
            Self::List { negated, ranges } => {
                let listed = ranges.iter().any(|(low, high)| (*low..=*high).contains(&char));
                listed != *negated
            }
            Self::Text(_) | Self::Run | Self::Choice(_) => false,
        }
    }
}
