//! Plots as SVG.

use plotters::prelude::*;

use crate::{Rsr, StatsError};

/// A line of a plot.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its points, by ascending x.
    pub points: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (860, 460);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1b, 0x6c, 0xa8),
    RGBColor(0xd9, 0x5f, 0x02),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x8c, 0x3a, 0x8c),
    RGBColor(0x7f, 0x7f, 0x7f),
    RGBColor(0xb8, 0x86, 0x0b),
];

fn failed(error: impl std::fmt::Display) -> StatsError {
    StatsError::Plot(error.to_string())
}

/// Draws lines with axes. `labels` are those of x and y.
///
/// # Errors
/// [`StatsError::Plot`].
pub fn draw_lines(title: &str, labels: (&str, &str), lines: &[Line]) -> Result<String, StatsError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        draw(&root, title, labels, lines, &|x| format!("{x}"))?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

/// Draws two plots: the network's rates by day, and the distribution of the providers' rates.
///
/// # Errors
/// [`StatsError::Plot`].
pub fn draw_rsr(network_by_day: &[Rsr], providers: &[Rsr]) -> Result<String, StatsError> {
    let days: Vec<_> = network_by_day.iter().filter_map(|row| row.day).collect();
    let by_day = |name: &str, rate: fn(&Rsr) -> Option<f64>| Line {
        name: name.to_owned(),
        points: network_by_day
            .iter()
            .enumerate()
            .filter_map(|(at, row)| Some((at as f64, rate(row)?)))
            .collect(),
    };
    let over_time = [
        by_day("all", |row| row.figures.counts.rate()),
        by_day("HTTP", |row| row.figures.counts.rate_http()),
    ];
    let sorted = |name: &str, rate: fn(&Rsr) -> Option<f64>| {
        let mut rates: Vec<_> = providers.iter().filter_map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let last = rates.len().saturating_sub(1).max(1) as f64;
        Line {
            name: name.to_owned(),
            points: rates
                .into_iter()
                .enumerate()
                .map(|(at, rate)| (at as f64 * 100.0 / last, rate))
                .collect(),
        }
    };
    let distribution = [
        sorted("all", |row| row.figures.counts.rate()),
        sorted("HTTP", |row| row.figures.counts.rate_http()),
    ];
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (SIZE.0, SIZE.1 * 2)).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (above, below) = root.split_vertically(SIZE.1);
        let day_of = |at: &f64| match (at.fract() == 0.0).then(|| days.get(*at as usize)).flatten() {
            Some(day) => day.to_string(),
            None => String::new(),
        };
        draw(
            &above,
            "Retrieval success rate by day",
            ("day of the round's opening, UTC", "rate"),
            &over_time,
            &day_of,
        )?;
        let title = format!("Retrieval success rates of {} providers", providers.len());
        draw(
            &below,
            &title,
            ("percent of providers with at most this rate", "rate"),
            &distribution,
            &|x| format!("{x:.0}"),
        )?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    (x_label, y_label): (&str, &str),
    lines: &[Line],
    x_text: &dyn Fn(&f64) -> String,
) -> Result<(), StatsError> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let last_x = points()
        .map(|(x, _)| *x)
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    let first_x = points()
        .map(|(x, _)| *x)
        .fold(last_x, f64::min)
        .min(last_x - f64::MIN_POSITIVE);
    // Rates range from 0 to 1, their logarithms up to 0.
    let bottom = points().map(|(_, y)| *y).fold(0.0, f64::min);
    let top = points()
        .map(|(_, y)| *y)
        .fold(if bottom < 0.0 { 0.0 } else { 1.0 }, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(14)
        .margin_right(44)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(first_x..last_x, bottom..top)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(8)
        .x_desc(x_label)
        .y_desc(y_label)
        .x_label_formatter(x_text)
        .draw()
        .map_err(failed)?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))
            .map_err(failed)?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        // A single point is not a line.
        chart
            .draw_series(
                line.points
                    .iter()
                    .filter(|_| line.points.len() < 60)
                    .map(|point| Circle::new(*point, 2, colour.filled())),
            )
            .map_err(failed)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()
        .map_err(failed)
}
