//! What each type of rule finds in the events of one window.

use super::*;

impl World<'_> {
    pub(super) fn threshold(&mut self, seen: &[Seen], now: Instant, from: Instant) -> Vec<Finding> {
        let threshold = self.rule["threshold"].clone();
        let fields: Vec<String> = match &threshold["field"] {
            Json::String(one) if one.is_empty() => Vec::new(),
            Json::String(one) => vec![one.clone()],
            other => other.as_array().cloned().unwrap_or_default().iter().map(text).collect(),
        };
        self.alerted.retain(|_, until| *until >= from);
        let mut groups: BTreeMap<Vec<String>, Vec<&Seen>> = BTreeMap::new();
        for seen in seen {
            let lists: Vec<Vec<String>> = fields.iter().map(|field| self.keys(&seen.event, field)).collect();
            for key in product(&lists) {
                if self.alerted.get(&key.join("\0")).is_none_or(|until| seen.time > *until) {
                    groups.entry(key).or_default().push(seen);
                }
            }
        }
        let cardinality = match &threshold["cardinality"] {
            Json::Array(list) => list.first().cloned().unwrap_or(Json::Null),
            other => other.clone(),
        };
        let mut out = Vec::new();
        for (key, events) in self.in_key_order(&fields, groups) {
            let mut distinct: Vec<String> = Vec::new();
            if let Some(field) = cardinality["field"].as_str() {
                distinct = unique(events.iter().flat_map(|seen| values(&seen.event, field)).collect());
            }
            let enough = events.len() as u64 >= threshold["value"].as_u64().unwrap();
            if !enough
                || (distinct.len() as u64) < cardinality["value"].as_u64().unwrap_or(0)
                || out.len() >= self.cap()
            {
                continue;
            }
            let (start, end) = (events[0].time, events[events.len() - 1].time);
            self.alerted.insert(key.join("\0"), end);
            let mut parts: Vec<String> =
                fields.iter().zip(&key).map(|(field, value)| format!("{field}={value}")).collect();
            parts.push(format!("count={}", events.len()));
            if cardinality["field"].is_string() {
                parts.push(format!("distinct={}", distinct.len()));
            }
            parts.push(format!("{}..{}", short(start), short(end)));
            let terms = self.suppresses().then(|| key.iter().map(|value| json!([value])).collect());
            let more = events.len() as u64 - 1;
            out.push(Finding { text: parts.join(" "), identity: None, terms, start, end, more });
        }
        let _ = now;
        out
    }

    pub(super) fn new_terms(
        &self,
        seen: &[Seen],
        now: Instant,
        from: Instant,
        to: Instant,
        query: &Query,
    ) -> Vec<Finding> {
        let fields: Vec<String> = self.rule["new_terms_fields"].as_array().unwrap().iter().map(text).collect();
        let start = self.math("history_window_start", "", to);
        let terms_of = |event: &Event| product(&fields.iter().map(|field| self.keys(event, field)).collect::<Vec<_>>());
        let history: Vec<Seen> =
            self.seen(now, start, to).into_iter().filter(|seen| query.concerns(&seen.event)).collect();
        let mut first: BTreeMap<Vec<String>, &Seen> = BTreeMap::new();
        for seen in &history {
            for term in terms_of(&seen.event) {
                first.entry(term).or_insert(seen);
            }
        }
        let _ = seen;
        let new = self.in_key_order(&fields, first).into_iter().filter(|(_, earliest)| earliest.time > from);
        let new = new.filter(|(_, earliest)| !self.own(&earliest.event));
        new.map(|(term, earliest)| self.single(earliest, format!(" new={}", term.join(",")))).collect()
    }

    pub(super) fn threat(&self, mut seen: Vec<Seen>, now: Instant) -> Vec<Finding> {
        let query = self.query(now, self.text("threat_query"));
        let hits = query.search(self.case.known_indicators());
        let indicators: Vec<Arc<Event>> =
            hits.iter().map(|hit| Arc::clone(hit.events()[0].as_ref().unwrap())).collect();
        seen.sort_by_key(|seen| seen.order);
        if !self.suppresses() {
            seen.reverse();
        }
        let mut out = Vec::new();
        for seen in seen.into_iter().filter(|seen| !self.own(&seen.event)) {
            let mut hits: Vec<String> = Vec::new();
            for indicator in &indicators {
                for group in self.rule["threat_mapping"].as_array().unwrap() {
                    let entries = group["entries"].as_array().unwrap();
                    if self.group_holds(entries, &seen.event, indicator) {
                        let fields = entries.iter().filter(|entry| entry["negate"] != json!(true));
                        hits.extend(
                            fields.map(|entry| format!("{}:{}", indicator.id().unwrap(), text(&entry["field"]))),
                        );
                    }
                }
            }
            let mut known = std::collections::BTreeSet::new();
            hits.retain(|hit| known.insert(hit.clone()));
            hits.truncate(200);
            if !hits.is_empty() {
                out.push(self.single(&seen, format!(" hit={}", hits.join(","))));
            }
        }
        out
    }

    pub(super) fn type_of(&self, field: &str) -> &str {
        self.case.types.as_ref().and_then(|types| types[field].as_str()).unwrap_or("keyword")
    }

    pub(super) fn group_holds(&self, entries: &[Json], event: &Event, indicator: &Event) -> bool {
        let exact = |field: &Json| ["keyword", "ip", "wildcard"].contains(&self.type_of(field.as_str().unwrap()));
        let as_terms = matches!(entries, [one] if exact(&one["field"]) && exact(&one["value"]));
        let single = |entry: &Json| values(indicator, entry["value"].as_str().unwrap()).len() == 1;
        if !as_terms && !entries.iter().all(single) {
            return false;
        }
        entries.iter().all(|entry| {
            let field = entry["field"].as_str().unwrap();
            let wanted = values(indicator, entry["value"].as_str().unwrap());
            let met = values(event, field).iter().any(|own| wanted.iter().any(|wanted| self.equal(field, own, wanted)));
            met != (entry["negate"] == json!(true))
        })
    }

    pub(super) fn equal(&self, field: &str, own: &Json, wanted: &Json) -> bool {
        let (own, wanted) = (text(own), text(wanted));
        let ip = |text: &str| text.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_canonical());
        match self.type_of(field) {
            "long" => own.parse::<i64>().is_ok_and(|own| wanted.parse::<i64>() == Ok(own)),
            "ip" => match wanted.split_once('/') {
                Some(_) => {
                    let block: Option<ipnet::IpNet> = wanted.parse().ok();
                    block.zip(ip(&own)).is_some_and(|(block, ip)| block.contains(&ip))
                }
                None => ip(&own).is_some() && ip(&own) == ip(&wanted),
            },
            "text" => {
                let words = elkhound::text::tokens(&own);
                elkhound::text::tokens(&wanted).iter().any(|word| words.contains(word))
            }
            _ => own == wanted,
        }
    }

    pub(super) fn eql(&self, seen: &[Seen], query: &Query, to: Instant) -> Vec<Finding> {
        let mut input: Vec<&Seen> = seen.iter().collect();
        input.sort_by_key(|seen| seen.order.4);
        let hits = query.search(input.iter().map(|seen| Arc::clone(&seen.event)));
        let size = if self.suppresses() { self.cap() * 5 } else { self.cap() };
        let mut out = Vec::new();
        for hit in hits {
            let events: Vec<&Arc<Event>> = hit.events().iter().flatten().collect();
            if events.iter().any(|event| self.own(event)) {
                continue;
            }
            let first = events[0];
            let time = input.iter().find(|seen| Arc::ptr_eq(&seen.event, first)).unwrap().time;
            if self.case.strict_missing
                && hit.events().last().unwrap().is_none()
                && time + parse_duration(self.text("maxspan")).unwrap() > to
            {
                continue;
            }
            let id = |event: &Option<Arc<Event>>| event.as_ref().map_or("!", |event| event.id().unwrap()).to_owned();
            let text = hit.events().iter().map(id).collect::<Vec<_>>().join("+");
            let shared: Vec<&Event> = events.iter().map(|event| event.as_ref()).collect();
            let terms = self.suppresses().then(|| self.terms(&shared));
            out.push(Finding { identity: Some(text.clone()), text, terms, start: time, end: time, more: 0 });
        }
        let cut = out.len().saturating_sub(size);
        if self.text("query").contains("| head") {
            out.truncate(size)
        } else {
            drop(out.drain(..cut))
        }
        out
    }
}
