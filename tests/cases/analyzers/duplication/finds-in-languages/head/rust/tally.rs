use std::collections::HashMap;

pub fn tally<'a>(words: &'a [String], least: usize) -> HashMap<&'a str, usize> {
    let mut tallies = HashMap::new();
    for word in words {
        if word.len() < least {
            continue;
        }
        let first = word.chars().next().unwrap_or('-');
        if first == '\'' || first == '"' {
            log::debug!("quoted: {}", word);
            continue;
        }
        let count = tallies.entry(word.as_str()).or_insert(0);
        *count += 1;
        match *count {
            1 => log::info!("new: {}", word),
            n if n > 1000 => break,
            _ => {}
        }
    }
    tallies.retain(|_, n| *n > 1);
    tallies
}
