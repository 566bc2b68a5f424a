//! The samples themselves: so many and no more, the oldest making room for the next.

use std::collections::VecDeque;

/// Rows of figures, each with the seconds at which it was taken.
pub struct Ring {
    width: usize,
    keep: usize,
    elapsed: VecDeque<f64>,
    figures: VecDeque<i64>,
    /// How many rows there have been.
    pub taken: u64,
    /// The number of the last row that differs from the one before it, counted from 1.
    pub changed: u64,
}

impl Ring {
    /// Room for `keep` rows of `width` figures.
    pub fn new(width: usize, keep: usize) -> Self {
        Ring {
            width,
            keep,
            elapsed: VecDeque::with_capacity(keep),
            figures: VecDeque::with_capacity(keep * width),
            taken: 0,
            changed: 0,
        }
    }

    /// Adds a row.
    pub fn push(&mut self, elapsed: f64, row: &[i64]) {
        debug_assert_eq!(row.len(), self.width);
        self.taken += 1;
        let last = self.figures.len().saturating_sub(self.width);
        if self.elapsed.is_empty() || !self.figures.range(last..).eq(row) {
            self.changed = self.taken;
        }
        if self.elapsed.len() == self.keep {
            self.elapsed.pop_front();
            self.figures.drain(..self.width);
        }
        self.elapsed.push_back(elapsed);
        self.figures.extend(row);
    }

    /// The seconds and, for each figure, a column: of all rows, or of about `most` that are spread evenly, the first and
    /// the last among them. Rates between those are true averages, as the figures are totals.
    pub fn columns(&self, most: usize) -> (Vec<f64>, Vec<Vec<i64>>) {
        let rows = spread(self.elapsed.len(), most);
        let elapsed = rows.iter().map(|&row| self.elapsed[row]).collect();
        let column = |index| rows.iter().map(|&row| self.figures[row * self.width + index]).collect();
        (elapsed, (0..self.width).map(column).collect())
    }
}

/// At most `most` (two, if that is less) of the numbers below `count`.
pub fn spread(count: usize, most: usize) -> Vec<usize> {
    let most = most.max(2);
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|step| step * (count - 1) / (most - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rows_make_room() {
        let mut ring = Ring::new(2, 3);
        for row in 0..5 {
            ring.push(row as f64, &[row, -row]);
        }
        assert_eq!(ring.columns(usize::MAX), (vec![2.0, 3.0, 4.0], vec![vec![2, 3, 4], vec![-2, -3, -4]]));
        assert_eq!((ring.taken, ring.changed), (5, 5));
        assert!(ring.figures.capacity() < 16);
    }

    #[test]
    fn it_is_known_since_when_nothing_changed() {
        let mut ring = Ring::new(1, 2);
        for figure in [7, 7, 8, 8, 8] {
            ring.push(0.0, &[figure]);
        }
        assert_eq!((ring.taken, ring.changed), (5, 3));
    }

    #[test]
    fn a_few_rows_stand_for_all() {
        assert!(spread(0, 5).is_empty());
        assert_eq!(spread(1, 0), [0]);
        assert_eq!(spread(9, 3), [0, 4, 8]);
        assert_eq!(spread(9, 1), [0, 8]);
        for most in [2, 7, 240, 1199] {
            let rows = spread(1200, most);
            assert_eq!((rows.len(), rows[0], rows[most - 1]), (most, 0, 1199));
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
