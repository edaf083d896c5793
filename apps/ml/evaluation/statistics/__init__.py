"""Statistics of decisions: counts, rates and intervals, with no model in sight.

*Count table*: whole numbers of rows by [group × label × decision]; the single source of every fairness number, and
addable over partitions, files and days. *Rate*: a share of rows that satisfy one condition among those that satisfy
another, such as the true positive rate. *Interval*: bounds on the true value at a stated confidence by a named method.
*Gap*: the largest difference between the rates of any two groups. *Worst ratio*: the smallest rate of any group
divided by the largest. Rows are taken as independent draws; `n` always counts rows.
"""
