//! Regions where a function on a grid exceeds a level, by marching squares (Lorensen & Cline 1987, in the plane).

/// A point in grid coordinates: column and row, with fractions.
pub(in crate::report) type GridPoint = (f64, f64);

/// Values on a grid, row by row. Beyond its edge a function is below every level, so that every outline closes.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Grid<'a> {
    pub columns: usize,
    pub rows: usize,
    pub values: &'a [f64],
}

const NONE: usize = usize::MAX;

impl Grid<'_> {
    /// Outlines of {value > level}, each filled by the non-zero rule; holes hang on their outline by a seam of no width.
    pub fn regions(&self, level: f64) -> Vec<Vec<GridPoint>> {
        let (mut outer, holes): (Vec<_>, Vec<_>) =
            self.loops(level).into_iter().partition(|outline| area(outline) > 0.0);
        for hole in holes {
            let around = outer.iter_mut().filter(|o| hole.first().is_some_and(|p| encloses(o, *p)));
            if let Some(outline) = around.min_by(|a, b| area(a).total_cmp(&area(b))) {
                attach(outline, &hole);
            }
        }
        outer
    }

    /// Curves along which the values cross the level, without the pieces of outlines that run along the grid's edge.
    pub fn lines(&self, level: f64) -> Vec<Vec<GridPoint>> {
        let (right, top) = (self.columns as f64 - 1.0, self.rows as f64 - 1.0);
        let on_edge = |a: GridPoint, b: GridPoint| {
            [0.0, right].iter().any(|x| a.0 == *x && b.0 == *x)
                || [0.0, top].iter().any(|y| a.1 == *y && b.1 == *y)
        };
        let mut lines = Vec::new();
        for outline in self.loops(level) {
            let n = outline.len();
            let edge = |k: usize| on_edge(outline[k % n], outline[(k + 1) % n]);
            // From a piece along the edge, so that no line is cut where its outline happens to begin.
            let start = (0..n).find(|k| edge(*k)).unwrap_or(0);
            let mut line = Vec::new();
            for k in start..start + n {
                if edge(k) {
                    lines.push(std::mem::take(&mut line));
                    continue;
                }
                if line.is_empty() {
                    line.push(outline[k % n]);
                }
                line.push(outline[(k + 1) % n]);
            }
            lines.push(line);
        }
        lines.retain(|line| line.len() > 1);
        lines
    }

    /// Value at a place of the grid with a margin of one on all sides.
    fn value(&self, i: usize, j: usize) -> f64 {
        let inside = (1..=self.columns).contains(&i) && (1..=self.rows).contains(&j);
        let value = if inside { self.values[(j - 1) * self.columns + i - 1] } else { f64::NEG_INFINITY };
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    }

    /// Closed curves with the region on their left: anticlockwise around it, clockwise around holes.
    fn loops(&self, level: f64) -> Vec<Vec<GridPoint>> {
        // Edge 2(j w + i) leads right from (i, j), the one after it up.
        let width = self.columns + 2;
        let mut next = vec![NONE; 2 * width * (self.rows + 2)];
        for j in 0..=self.rows {
            for i in 0..=self.columns {
                self.link_cell(i, j, width, level, &mut next);
            }
        }
        let mut loops = Vec::new();
        for start in 0..next.len() {
            let mut outline = Vec::new();
            let mut edge = start;
            while next[edge] != NONE {
                outline.push(self.crossing(edge, width, level));
                edge = std::mem::replace(&mut next[edge], NONE);
            }
            if outline.len() > 2 {
                loops.push(outline);
            }
        }
        loops
    }

    /// Enters the curve's pieces in one cell: each leads from an edge where the walk around the cell leaves the
    /// region to one where it comes back.
    fn link_cell(&self, i: usize, j: usize, width: usize, level: f64, next: &mut [usize]) {
        let corners =
            [self.value(i, j), self.value(i + 1, j), self.value(i + 1, j + 1), self.value(i, j + 1)];
        let inside = corners.map(|v| v > level);
        let at = |i: usize, j: usize| 2 * (j * width + i);
        let edges = [at(i, j), at(i + 1, j) + 1, at(i, j + 1), at(i, j) + 1];
        let enters = |e: usize| !inside[e] && inside[(e + 1) % 4];
        // A saddle's two inner corners belong together where the cell's centre is inside.
        let joined = corners.iter().sum::<f64>() > 4.0 * level;
        for exit in (0..4).filter(|&e| inside[e] && !inside[(e + 1) % 4]) {
            let entry = (1..4).map(|k| (exit + if joined { k } else { 4 - k }) % 4).find(|&e| enters(e));
            if let Some(entry) = entry {
                next[edges[exit]] = edges[entry];
            }
        }
    }

    /// Where the level is crossed on an edge, by linear interpolation.
    fn crossing(&self, edge: usize, width: usize, level: f64) -> GridPoint {
        let (i, j, up) = ((edge / 2) % width, (edge / 2) / width, edge % 2 == 1);
        let (a, b) = (self.value(i, j), if up { self.value(i, j + 1) } else { self.value(i + 1, j) });
        let t = match (a.is_finite(), b.is_finite()) {
            (true, true) => (level - a) / (b - a),
            (true, false) => 0.0,
            _ => 1.0,
        };
        let (x, y) = (i as f64 - 1.0, j as f64 - 1.0);
        if up { (x, y + t) } else { (x + t, y) }
    }
}

/// Signed area: positive for an anticlockwise outline.
fn area(outline: &[GridPoint]) -> f64 {
    let last = outline.last().copied().unwrap_or_default();
    let mut sum = 0.0;
    let mut from = last;
    for to in outline {
        sum += from.0 * to.1 - to.0 * from.1;
        from = *to;
    }
    0.5 * sum
}

/// Whether a ray from the point crosses the outline an odd number of times.
fn encloses(outline: &[GridPoint], point: GridPoint) -> bool {
    let mut odd = false;
    let mut from = outline.last().copied().unwrap_or_default();
    for to in outline {
        let spans = (from.1 > point.1) != (to.1 > point.1);
        if spans && point.0 < from.0 + (point.1 - from.1) / (to.1 - from.1) * (to.0 - from.0) {
            odd = !odd;
        }
        from = *to;
    }
    odd
}

/// Joins a hole to an outline between their nearest points.
fn attach(outline: &mut Vec<GridPoint>, hole: &[GridPoint]) {
    let distance = |a: GridPoint, b: GridPoint| (a.0 - b.0).powi(2) + (a.1 - b.1).powi(2);
    let pairs = (0..outline.len()).flat_map(|o| (0..hole.len()).map(move |h| (o, h)));
    let nearest =
        pairs.min_by(|a, b| distance(outline[a.0], hole[a.1]).total_cmp(&distance(outline[b.0], hole[b.1])));
    let Some((o, h)) = nearest else { return };
    let around = hole[h..].iter().chain(&hole[..=h]).copied();
    let seam: Vec<GridPoint> = around.chain([outline[o]]).collect();
    outline.splice(o + 1..o + 1, seam);
}

/// A polyline with fewer points, nowhere further than `tolerance` from the given one (Douglas & Peucker 1973).
pub(in crate::report) fn simplified(points: &[(f64, f64)], tolerance: f64) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let mut kept = vec![*first];
    let mut pending = vec![(0, points.len() - 1)];
    while let Some((from, to)) = pending.pop() {
        let farthest = (from + 1..to)
            .map(|i| (i, off_line(points[i], points[from], points[to])))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match farthest {
            Some((i, distance)) if distance > tolerance => pending.extend([(i, to), (from, i)]),
            _ if to > from => kept.push(points[to]),
            _ => {}
        }
    }
    if kept.len() == 1 && points.len() > 1 {
        kept.push(*last);
    }
    kept
}

/// Distance of a point from the line through two others, or from the one point that they are.
fn off_line(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx.hypot(dy);
    if length == 0.0 {
        return (p.0 - a.0).hypot(p.1 - a.1);
    }
    (dx * (p.1 - a.1) - dy * (p.0 - a.0)).abs() / length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid_of(n: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        (0..n * n).map(|k| f((k % n) as f64, (k / n) as f64)).collect()
    }

    fn regions(n: usize, level: f64, f: impl Fn(f64, f64) -> f64) -> Vec<Vec<GridPoint>> {
        Grid { columns: n, rows: n, values: &grid_of(n, f) }.regions(level)
    }

    #[test]
    fn a_discs_region_has_the_discs_area() {
        let found = regions(81, -400.0, |x, y| -((x - 40.0).powi(2) + (y - 40.0).powi(2)));
        assert_eq!(found.len(), 1);
        let exact = std::f64::consts::PI * 400.0;
        assert!((area(&found[0]) / exact - 1.0).abs() < 2e-3, "{}", area(&found[0]));
    }

    #[test]
    fn a_rings_hole_is_cut_out() {
        let ring = |x: f64, y: f64| -((x - 40.0).hypot(y - 40.0) - 20.0).abs();
        let found = regions(81, -8.0, ring);
        assert_eq!(found.len(), 1);
        let exact = std::f64::consts::PI * (28.0f64.powi(2) - 12.0f64.powi(2));
        assert!((area(&found[0]) / exact - 1.0).abs() < 5e-3);
        // Without its hole it would have the area of the disc.
        assert!(area(&found[0]) < 0.85 * std::f64::consts::PI * 28.0f64.powi(2));
    }

    #[test]
    fn what_reaches_the_edge_of_the_grid_closes_along_it() {
        let found = regions(11, 0.5, |_, _| 1.0);
        assert_eq!(found.len(), 1);
        assert_eq!(area(&found[0]), 100.0);
        assert!(regions(11, 2.0, |_, _| 1.0).is_empty());
        assert!(regions(11, 0.0, |_, _| f64::NAN).is_empty());
    }

    #[test]
    fn lines_leave_out_the_edge_of_the_grid() {
        let lines = |level: f64, f: fn(f64, f64) -> f64| {
            Grid { columns: 11, rows: 11, values: &grid_of(11, f) }.lines(level)
        };
        // x > 3.5 is bounded by one line from the bottom to the top.
        let straight = lines(3.5, |x, _| x);
        assert_eq!(straight.len(), 1);
        assert!(straight[0].iter().all(|p| p.0 == 3.5));
        let (first, last) = (straight[0][0].1, straight[0][straight[0].len() - 1].1);
        assert_eq!((first.min(last), first.max(last)), (0.0, 10.0));
        // A disc's outline is closed, and so is a hole's.
        let round = lines(-9.0, |x, y| -((x - 5.0).powi(2) + (y - 5.0).powi(2)));
        assert_eq!(round.len(), 1);
        assert_eq!(round[0].first(), round[0].last());
        assert!(lines(0.5, |_, _| 1.0).is_empty());
    }

    #[test]
    fn a_saddle_follows_the_value_at_its_centre() {
        let corners = |centre: f64| [1.0 + centre, -1.0, -1.0, 1.0 + centre];
        let count = |centre| Grid { columns: 2, rows: 2, values: &corners(centre) }.regions(0.0).len();
        assert_eq!((count(0.5), count(-0.5)), (1, 2));
    }

    #[test]
    fn a_simplified_line_keeps_its_ends_and_its_corners() {
        let line: Vec<(f64, f64)> = (0..=20i32).map(|i| (f64::from(i), f64::from((i - 10).abs()))).collect();
        assert_eq!(simplified(&line, 0.1), [(0.0, 10.0), (10.0, 0.0), (20.0, 10.0)]);
        assert_eq!(simplified(&line[..1], 0.1), [(0.0, 10.0)]);
        assert!(simplified(&[], 0.1).is_empty());
    }
}
