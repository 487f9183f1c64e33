//! From findings to alerts: what exists already, suppression, the most alerts that a run may make.

use std::sync::Arc;

use super::RunReport;
use super::find::Found;
use super::identity::identity;
use super::runs::{Fate, Runs, SUPPRESSION_FACTOR};
use crate::engine::alert::{Alert, Suppressed};
use crate::engine::schedule::Window;
use crate::engine::suppress::{At, Candidate, Decision, Suppression};
use crate::event::time::Instant;
use crate::rule::RuleType;

impl Runs<'_> {
    /// Makes alerts of what was found, in its order, until the run may make no more.
    pub fn admit(&mut self, mut list: Vec<Found>, window: Window, run: &mut RunReport) {
        let rule = self.compiled();
        let grouped = matches!(rule.rule.kind(), RuleType::Query | RuleType::SavedQuery | RuleType::Threshold);
        if rule.suppression.is_some() && !grouped {
            list.sort_by_key(|found| found.start);
            let rest = list.split_off(list.len().min(self.cap.saturating_mul(SUPPRESSION_FACTOR)));
            rest.iter().for_each(|found| self.lose(found, run));
        }
        let mut made = 0;
        for found in list {
            let identity = identity(&found.finding).filter(|_| found.terms.is_none());
            if identity.is_some_and(|identity| self.identities.contains(identity)) {
                run.found_again += 1;
                self.settle(&found, Fate::Seen);
                continue;
            }
            let at = At { now: run.start, from: window.from, full: made >= self.cap };
            let before = self.alerts.len();
            self.decide(found, at, run);
            if self.alerts.len() > before {
                made += 1;
                identity.into_iter().for_each(|identity| self.identities.insert(identity));
            }
        }
        run.alerts += made as u64;
    }

    /// Suppression, then the most alerts that a run may make.
    fn decide(&mut self, found: Found, at: At, run: &mut RunReport) {
        let rules = Arc::clone(self.scene.rules);
        let suppression = rules.rules.get(self.at).and_then(|rule| rule.suppression.as_ref());
        let terms = |suppression: &Suppression| match &found.terms {
            Some(terms) => (terms.clone(), 0),
            None => suppression.terms(&found.finding.events),
        };
        let grouped = suppression.map(|suppression| {
            let (terms, dropped) = terms(suppression);
            self.dropped += dropped;
            (suppression, terms)
        });
        let Some((suppression, terms)) = grouped.filter(|(suppression, terms)| !suppression.stands_alone(terms)) else {
            if at.full {
                self.lose(&found, run)
            } else {
                self.alert(found, at.now)
            }
            return;
        };
        let candidate = Candidate { terms, start: found.start, end: found.end, more: found.more };
        match suppression.take(&mut self.suppressions, &candidate, at) {
            Decision::Alert(number) => {
                self.by_number.insert(number, self.alerts.len());
                run.suppressed += found.matches() - 1;
                let tally = candidate.tally();
                self.alert(found, at.now);
                self.tally(number, at.now, suppression.suppressed(candidate.terms, tally));
            }
            Decision::Counted(number, tally) => {
                run.suppressed += found.matches();
                self.settle(&found, Fate::Seen);
                self.tally(number, at.now, suppression.suppressed(candidate.terms, tally));
            }
            Decision::Ignored => {
                run.found_again += 1;
                self.settle(&found, Fate::Seen);
            }
            Decision::Refused => self.lose(&found, run),
        }
    }

    /// Notes what the alert of this number has taken in up to the run at `now`.
    fn tally(&mut self, number: u64, now: Instant, suppressed: Suppressed) {
        if let Some(alert) = self.by_number.get(&number).and_then(|at| self.alerts.get_mut(*at)) {
            alert.finding.suppressed = Some(Suppressed { detected: Some(now), ..suppressed });
        }
    }

    fn alert(&mut self, found: Found, now: Instant) {
        self.settle(&found, Fate::Seen);
        let rules = Arc::clone(self.scene.rules);
        self.alerts.push(Alert { rules, rule: self.at, finding: found.finding, created: Some(now) });
    }

    pub fn lose(&mut self, found: &Found, run: &mut RunReport) {
        run.capped += found.matches();
        self.settle(found, Fate::Capped);
    }

    /// Notes what became of the events of a finding; an alert of any run outweighs what the cap took from others.
    fn settle(&mut self, found: &Found, fate: Fate) {
        for &place in &found.places {
            self.fates[place] = fate;
        }
        if found.finding.events.len() > 1
            && let Some(identity) = identity(&found.finding)
        {
            let known = self.sequences.entry(identity).or_insert(fate);
            if fate > *known {
                *known = fate;
            }
        }
    }
}
