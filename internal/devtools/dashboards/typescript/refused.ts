// What the types must refuse. A line under @ts-expect-error that compiles is an error of
// its own, so that a check that no longer looks is noticed.
import type { Dashboard } from './grafana';

type Panel = Exclude<Dashboard['panels'][number], { collapsed: boolean }>;
type Stat = Extract<Panel, { type: 'stat' }>;
type Graph = Extract<Panel, { type: 'timeseries' }>;

declare const dashboard: Dashboard;
declare const stat: Stat;
declare const graph: Graph;

// @ts-expect-error a property that no dashboard has
export const unknownProperty: Dashboard = { ...dashboard, schema: 42 };
// @ts-expect-error a property of another type
export const anotherType: Dashboard = { ...dashboard, refresh: 60 };
// @ts-expect-error a cursor that there is not
export const unknownCursor: Dashboard = { ...dashboard, graphTooltip: 3 };
// @ts-expect-error a kind of panel that we do not know
export const unknownKind: Panel = { ...stat, type: 'pie' };
// @ts-expect-error an option of another kind of panel
export const optionOfAnother: Stat = { ...stat, options: { ...stat.options, showValue: 'auto' } };
// @ts-expect-error a value that the option does not have
export const unknownValue: Stat = { ...stat, options: { ...stat.options, graphMode: 'bars' } };
// @ts-expect-error a setting of a field that a graph does not have
export const unknownSetting: Graph = { ...graph, fieldConfig: { overrides: [], defaults: { unit: 's', custom: { lineColour: 'red' } } } };
// @ts-expect-error no unit
export const noUnit: Stat = { ...stat, fieldConfig: { overrides: [], defaults: {} } };
// @ts-expect-error a query without its legend
export const noLegend: Stat = { ...stat, targets: [{ refId: 'A', datasource: { type: 'prometheus', uid: '$datasource' }, editorMode: 'code', expr: 'up', format: 'table', instant: true, range: false }] };
